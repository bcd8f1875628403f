#!/usr/bin/env python3
"""How often drafts stood, from traces of `sjd generate --trace`: by the passes that had predicted them, and by their slot.

    python3 export/sjd2/standing.py trace-*.json

A draft stands if the next pass leaves its code as it is; one that the next pass does not hold, since its window is narrower, is not counted. A pass
predicts its drafts and the place behind them, which therefore enters the next window one pass old. (A trace leaves structure out: where a window ends with a
row, and the row with a token of its own, it was that token which the pass predicted, and the first guess behind it is taken to be a pass old.)
One line for each way of drawing (method, steps, window).
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import defaultdict
from pathlib import Path

AGES = 6  # the last stands for all after it
SLOTS = (4, 8, 16, 32, 64, 1 << 30)  # upper ends


def compare(trace: dict) -> list[tuple[int, int, bool]]:
    """Passes in a row that have predicted the draft (0: a first guess), its slot, and whether it stood, for every draft of which the next pass tells."""
    found, first = [], {}  # by place: the first of the passes in a row that have predicted it
    for number, (before, after) in enumerate(itertools.pairwise(trace["passes"])):
        start = before["committed"]
        first = {place: first.get(place, number) for place in range(start, start + len(before["drafts"]) + 1)}
        codes = trace["picture"][: after["committed"]] + after["drafts"]
        for slot, code in enumerate(before["drafts"][: len(codes) - start]):
            found.append((number - first[start + slot], slot, codes[start + slot] == code))
    return found


def row(found: list[tuple[int, int, bool]]) -> str:
    by_age, by_slot = defaultdict(list), defaultdict(list)
    for age, slot, stood in found:
        by_age[min(age, AGES)].append(stood)
        by_slot[next(end for end in SLOTS if slot < end)].append(stood)
    cells = [by_age[age] for age in range(AGES + 1)] + [by_slot[end] for end in SLOTS]
    return " | ".join(f"{sum(cell) / len(cell):.2f}" if cell else "–" for cell in cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", nargs="+", type=Path)
    groups = defaultdict(list)
    for path in parser.parse_args().traces:
        trace = json.loads(path.read_text(encoding="utf-8"))
        steps = trace["denoising_steps"]
        groups[trace["model"], trace["method"] + (f", {steps} step{'s' * (steps != 1)}" if steps else ""), trace["window"]] += compare(trace)
    ends = [f"slots {first} to {end - 1}" for first, end in zip((0, *SLOTS), SLOTS[:-1])] + [f"from {SLOTS[-2]} on"]
    header = ["model", "method", "window", "first guess", *(f"pass {age}" for age in range(1, AGES)), f"pass {AGES} on", *ends]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for (model, method, window), found in sorted(groups.items(), key=str):
        print(f"| {model} | {method} | {window} | {row(found)} |")


if __name__ == "__main__":
    main()
