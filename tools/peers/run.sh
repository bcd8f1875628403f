#!/usr/bin/env bash
# Measures SjdOnnx beside other engines on the same weights. `tools/peers/run.sh --help` says more.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: tools/peers/run.sh OUT [--prepare] [--rounds N] [--minutes N] [--threads N] [--only TEXT] [--sjd PROGRAM]

Makes the models in OUT/models (about 1 GB) and builds the harness and sjd, unless they are there. Then it measures each engine in
processes of its own, round after round, and writes OUT/peers.md and OUT/peers.json. What each process measured is appended to
OUT/samples.jsonl, and the same command goes on from there: remove that file to begin again.

  --prepare      make the models and build again, after a change of SjdOnnx, and measure nothing
  --rounds N     processes for each engine and model (default: 4; PyTorch at most 2)
  --minutes N    start no process after this time; run the same command again to go on
  --threads N    threads of a pass (default: the number of processors)
  --only TEXT    measure only what has this text in its name, such as emoji/int8/2 or genai; may be given several times
  --sjd PROGRAM  measure the start of this program instead of publishing one

Needs the .NET SDK 10, a C linker (gcc or clang), and Python 3 with numpy, onnx and torch. PYTHON=/path/to/python3 chooses the Python.
HELP
}

out= prepare= sjd=
arguments=()
while (($# > 0)); do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --prepare) prepare=yes; shift ;;
    --sjd) sjd=$(realpath "$2"); shift 2 ;;
    --rounds | --minutes | --threads | --only) arguments+=("$1" "$2"); shift 2 ;;
    -*) echo "run.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    *) out=$1; shift ;;
  esac
done
if [[ -z $out ]]; then
  usage >&2
  exit 2
fi

mkdir -p "$out"
out=$(realpath "$out")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export ORT_DISABLE_TELEMETRY=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

python=
for candidate in ${PYTHON:-python3 /usr/bin/python3}; do
  if "$candidate" -c 'import numpy, onnx, torch' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [[ -z $python ]]; then
  echo "run.sh: no Python 3 with numpy, onnx and torch (run: pip install -r export/requirements.txt, or set PYTHON)." >&2
  exit 1
fi

if [[ -n $prepare ]]; then
  rm -rf "$out/models"
fi
"$python" "$here/models.py" "$out/models"
if [[ ! -e $out/harness/SjdOnnx.Peers || -n $prepare ]]; then
  dotnet publish "$here" -c Release -o "$out/harness" -v quiet
fi
if [[ -z $sjd ]]; then
  sjd=$out/sjd/sjd
  if [[ ! -e $sjd || -n $prepare ]]; then
    dotnet publish "$here/../../src/SjdOnnx.Cli" -c Release -p:PublishAot=true -o "$out/sjd" -v quiet
  fi
fi
if [[ -z $prepare ]]; then
  "$out/harness/SjdOnnx.Peers" measure --out "$out" --python "$python" --sjd "$sjd" --scripts "$here" "${arguments[@]}"
fi
