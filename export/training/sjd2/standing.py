"""Prints how often drafts stood in traces of `sjd generate --trace`: by the number of passes that had predicted them, and by their slot.

    cd export
    python3 -m training.sjd2.standing trace-*.json

A draft stands if the next pass leaves its code unchanged. Drafts that are not in the next pass, because its window is narrower, are not
counted. A pass predicts its drafts and the position after them, so that position is one pass old when it enters the next window. (A trace
leaves structural tokens out. If a window ends with a row, and the row with a structural token, the pass predicted that token, and the guess
after it still counts as one pass old.) The table has a row for each model, method, number of denoising steps and window.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import defaultdict
from pathlib import Path

AGES = 6  # passes; the last column counts all older drafts too
SLOTS = (4, 8, 16, 32, 64, 1 << 30)  # upper ends of the ranges of slots


def compare(trace: dict) -> list[tuple[int, int, bool]]:
    """For each counted draft: the number of consecutive passes that predicted it (0 for a first guess), its slot, and whether it stood."""
    found, first = [], {}  # `first` has, by position, the first of the consecutive passes that predicted it
    for number, (before, after) in enumerate(itertools.pairwise(trace["passes"])):
        start = before["committed"]
        first = {place: first.get(place, number) for place in range(start, start + len(before["drafts"]) + 1)}
        codes = trace["codes"][: after["committed"]] + after["drafts"]
        for slot, code in enumerate(before["drafts"][: len(codes) - start]):
            found.append((number - first[start + slot], slot, codes[start + slot] == code))
    return found


def row(found: list[tuple[int, int, bool]]) -> str:
    """A table row of what `compare` returns."""
    by_age, by_slot = defaultdict(list), defaultdict(list)
    for age, slot, stood in found:
        by_age[min(age, AGES)].append(stood)
        by_slot[next(end for end in SLOTS if slot < end)].append(stood)
    cells = [by_age[age] for age in range(AGES + 1)] + [by_slot[end] for end in SLOTS]
    return " | ".join(f"{sum(cell) / len(cell):.2f}" if cell else "–" for cell in cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", nargs="+", type=Path, help="files that sjd generate --trace wrote")
    groups = defaultdict(list)
    for path in parser.parse_args().traces:
        trace = json.loads(path.read_text(encoding="utf-8"))
        steps = (trace["method_options"] or {}).get("denoising_steps")
        method = trace["method"] + (f", {steps} step{'s' * (steps != 1)}" if steps else "")
        groups[trace["model"], method, trace["window"]] += compare(trace)
    ends = [f"slots {first} to {end - 1}" for first, end in zip((0, *SLOTS), SLOTS[:-1])] + [f"from {SLOTS[-2]} on"]
    header = ["model", "method", "window", "first guess", *(f"pass {age}" for age in range(1, AGES)), f"pass {AGES} on", *ends]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for (model, method, window), found in sorted(groups.items(), key=str):
        print(f"| {model} | {method} | {window} | {row(found)} |")


if __name__ == "__main__":
    main()
