#!/usr/bin/env bash
# Packs everything that check.sh needs on a bare GPU machine into folders that can be carried there one after another.
# usage: pack.sh [ARCHITECTURE [MIB]]    90 (H100, H200) and 60 by default; .gpu1, .gpu2, ... in the repository's root have at most MIB each
#
# There, with every folder in turn:  mkdir -p /tmp/sjdonnx && cp .gpuN/part-* /tmp/sjdonnx
# and then:  cd /tmp/sjdonnx && cat part-* | xz -T0 -dc | tar x && tests/gpu/check.sh FOLDER_OF_RESULTS
set -euo pipefail
architecture=${1:-90} mib=${2:-60}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
stage=$(mktemp -d) parts=$(mktemp -d)
trap 'rm -rf "$stage" "$parts"' EXIT
cd "$root"

for project in src/SjdOnnx.Cli tests/SjdOnnx.Gpu; do
  dotnet publish "$project" -c Release -r linux-x64 --self-contained -p:OnnxRuntime=gpu -o "$stage/engine" --nologo --verbosity quiet
done
cuda=$stage/engine/libonnxruntime_providers_cuda.so
"${PYTHON:-python3}" tests/gpu/thin.py "$cuda" "$cuda.thin" "$architecture"
mv "$cuda.thin" "$cuda"
rm -f "$stage"/engine/*.pdb "$stage"/engine/libmscordbi.so "$stage"/engine/libmscordaccore.so
git ls-files -z export docs/model.schema.json tests/gpu tests/export/harness tests/tools ':!export/training' |
  xargs -0 cp --parents -t "$stage"

rm -rf .gpu[0-9]*
tar c -C "$stage" . | xz -T0 -6 --block-size=16MiB | split -b "${mib}M" -d - "$parts/part-"
n=0
for part in "$parts"/part-*; do
  n=$((n + 1))
  mkdir ".gpu$n"
  mv "$part" ".gpu$n/"
done
du -sh .gpu[0-9]*
