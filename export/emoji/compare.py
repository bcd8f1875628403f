"""Compares decoding methods on held-out captions, through the engine, and prints a table in Markdown.

    dotnet build -c Release src/SjdOnnx.Cli
    python3 export/emoji/compare.py --prompts 32

Methods take turns prompt by prompt, so that a busy machine is busy for all of them. Passes are means over the prompts, times medians;
the table belongs to the machine it was made on.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path
from statistics import median

from evaluate import SEED, generate, held_out_scenes

METHODS = {
    "ar": "--method ar",
    "jacobi, window 16": "--method jacobi --window 16",
    "sjd, window 8": "--method sjd --window 8",
    "sjd, window 16": "--method sjd --window 16",
    "sjd, window 16, repeat-left": "--method sjd --window 16 --init repeat-left",
    "sjd, window 16, sample-left": "--method sjd --window 16 --init sample-left",
    "sjd, window 16, repeat-above": "--method sjd --window 16 --init repeat-above",
    "sjd, window 32": "--method sjd --window 32",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--precision", default="int8,fp32")
    options = parser.parse_args()

    scenes = held_out_scenes(options.prompts, SEED)
    rows = {(precision, name): [] for precision in options.precision.split(",") for name in METHODS}
    with tempfile.TemporaryDirectory() as folder:
        for i, scene in enumerate(scenes):
            for precision, name in rows:
                arguments = [*METHODS[name].split(), "--precision", precision]
                rows[precision, name].append(generate(scene.caption, i, Path(folder) / "picture.png", arguments))

    print(f"{os.cpu_count()} cores, {processor()}; {options.prompts} held-out prompts (mean passes, median times), one picture a process.\n")
    print("| precision | method | passes | tokens per pass | decode, s | ms per pass |\n|---|---|---|---|---|---|")
    for (precision, name), drawn in rows.items():
        passes = sum(image["forward_passes"] for image in drawn) / len(drawn)
        tokens = sum(image["tokens"] for image in drawn) / len(drawn)
        seconds = median(image["seconds"]["decode"] for image in drawn)
        each = median(1000 * image["seconds"]["decode"] / image["forward_passes"] for image in drawn)
        print(f"| {precision} | {name} | {passes:.0f} | {tokens / passes:.2f} | {seconds:.2f} | {each:.1f} |")


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
