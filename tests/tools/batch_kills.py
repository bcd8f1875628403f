#!/usr/bin/env python3
"""Draws a batch that is killed many times at random moments, and compares it with one that was left alone.

    dotnet build -c Release src/SjdOnnx.Cli
    python3 tests/tools/batch_kills.py --images 300 --kills 50 --folder /tmp/kills

Prints what it found, and ends with 1 if an image is missing, was drawn twice or differs.
"""

import argparse
import hashlib
import pathlib
import random
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMPTS = ROOT / "tests/SjdOnnx.Runtime.Tests/held-out-prompts.txt"


def command(folder, options, program):
    program = program or next((ROOT / "src/SjdOnnx.Cli/bin/Release").rglob("sjd.dll"))
    return ["dotnet", str(program), "batch", str(folder.parent / "prompts.txt"), "-o", str(folder), *options]


def hashes(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir() if file.suffix == ".png"}


def run_until(limit, arguments):
    """Runs a command and kills it after a time. Returns the names that it printed, and whether it was killed."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        output, _ = process.communicate(timeout=limit)
        if process.returncode != 0:
            sys.exit(f"sjd ended with {process.returncode}.")
        return output.split(), False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
        return output.split(), True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    parser.add_argument("--program", type=pathlib.Path, help="sjd.dll (default: the Release build of this repository)")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="an empty or missing folder")
    parser.add_argument("options", nargs="*", help="more options of sjd batch, behind --")
    arguments = parser.parse_args()

    arguments.folder.mkdir(parents=True, exist_ok=True)
    prompts = PROMPTS.read_text().split("\n")
    prompts = [prompts[i % len(prompts)] or "a fox" for i in range(arguments.images)]
    (arguments.folder / "prompts.txt").write_text("\n".join(prompts) + "\n")

    start = time.monotonic()
    alone = arguments.folder / "alone"
    names, _ = run_until(None, command(alone, arguments.options, arguments.program))
    seconds = time.monotonic() - start
    print(f"without a kill: {len(names)} images in {seconds:.0f} s", flush=True)

    # A run loads for a moment and then draws. The kills fall anywhere in both, and leave images for the last run.
    random.seed(arguments.seed)
    killed = arguments.folder / "killed"
    printed, kills, runs = [], 0, 0
    while True:
        runs += 1
        limit = random.uniform(0, 2.5 + 1.5 * seconds / arguments.kills) if kills < arguments.kills else None
        more, was_killed = run_until(limit, command(killed, arguments.options, arguments.program))
        printed += more
        kills += was_killed
        if not was_killed:
            break

    expected, found = hashes(alone), hashes(killed)
    left_over = [file.name for file in killed.iterdir() if file.name not in expected and file.name != "results.jsonl"]
    differing = [name for name in expected if found.get(name) not in (None, expected[name])]
    twice = len(printed) - len(set(printed))
    same_results = (alone / "results.jsonl").read_bytes() == (killed / "results.jsonl").read_bytes()
    print(f"{kills} kills in {runs} runs: {len(found)} of {len(expected)} images, {len(differing)} differ, {twice} drawn twice, "
          f"{len(left_over)} other files, results.jsonl {'equal' if same_results else 'differs'}")
    return 0 if found == expected and not twice and not left_over and same_results and kills >= arguments.kills else 1


if __name__ == "__main__":
    sys.exit(main())
