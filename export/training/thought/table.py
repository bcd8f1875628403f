"""Prints results.jsonl as the table in docs/benchmarks/thoughts.md.

    cd export
    python3 -m training.thought.table training/checkpoints/thought/results.jsonl
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sjdexport.errors import ExportError, exit_status

from .recipe import FULL, NONE
from .sums import FEWEST, MOST
from .tokens import Tokenizer
from .train import VARIANTS

NAMES = {"none": "no chain", "chain": "full chain"}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="file that train.py writes")
    options = parser.parse_args(arguments)
    return exit_status("table", lambda: print("\n".join(rows(read(options.results)))), "run it again")


def read(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except ValueError:
        raise ExportError(f"{path} is not a file of results: expected a JSON object on each line.") from None


def rows(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The passes, the mean over seeds, each seed, and the means by the number of steps, in percent."""
    yield "| variant | passes | right | each seed | 2 steps | 3 steps | 4 steps | seconds of training |"
    yield "|---|---|---|---|---|---|---|---|"
    for variant in VARIANTS:
        found = sorted((each for each in results if each["variant"] == variant), key=lambda each: each["seed"])
        if found:
            means = [percent(sum(each["by_steps"][steps] for each in found) / len(found)) for steps in ("2", "3", "4")]
            yield " | ".join([
                f"| {NAMES.get(variant, f'T = {variant}')}", f"{passes(variant):g}",
                percent(sum(each["accuracy"] for each in found) / len(found)),
                ", ".join(percent(each["accuracy"]) for each in found), *means,
                f"{sum(each['cpu_seconds'] for each in found) / len(found):.0f} |"])


def passes(variant: str) -> float:
    """Passes of an answer of one token and its end, on average over the lengths of questions."""
    if variant == FULL:
        return 2 + len(Tokenizer().answer_prompt) + (FEWEST + MOST) / 2 - 1
    return 2 if variant == NONE else int(variant) + 3


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


if __name__ == "__main__":
    raise SystemExit(main())
