"""Prints the questions of the evaluation with their steps and answers, a JSON object on each line, for `sjd think --evaluate`.

    cd export
    python3 -m training.thought.questions --count 300 > ../docs/benchmarks/sums.jsonl
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from .sums import FEWEST, MOST, evaluation_questions


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="questions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1500, help="questions, a third of them of each length (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.count < MOST - FEWEST + 1:
        parser.error(f"argument --count: {options.count}; expected 3 or more")
    for line in lines(options.count):
        print(line)
    return 0


def lines(count: int) -> Iterator[str]:
    for each in evaluation_questions(count):
        yield json.dumps({"question": each.question, "steps": [step.strip() for step in each.steps], "answer": each.answer})


if __name__ == "__main__":
    raise SystemExit(main())
