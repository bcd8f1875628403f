#!/usr/bin/env python3
"""Measures where the time of a Run goes. Prints a Markdown table of microseconds by operator and by the number of a lane's new tokens.

    python3 tests/tools/operators.py onnx-models/emoji --precision int8 --past 130 --threads 1

ONNX Runtime's profiler takes a few microseconds for each node. The time of the cheapest operator, which computes almost nothing, is taken
for this overhead and subtracted. The fastest tenth of each node's times counts, so that other work on the machine matters less. The last
two rows are whole Runs without the profiler: the fastest one and the median.
"""

from __future__ import annotations

import argparse
import collections
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "export"), str(ROOT / "tests" / "export")]

from harness.lanes import Lanes  # noqa: E402
from harness.runner import Runner  # noqa: E402

STEP = 64  # tokens of a Run that fills the cache
NODE = "_kernel_time"  # the end of the names of the profiler's events for nodes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="model folder")
    parser.add_argument("--precision", default="int8", help="default: %(default)s")
    parser.add_argument("--past", type=int, default=130, help="cached tokens of each lane (default: %(default)s)")
    parser.add_argument(
        "--tokens", default="1,2,5,9,17,33,65", help="numbers of new tokens of each lane, separated by commas (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of ONNX Runtime (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=200, help="Runs for each number of tokens (default: %(default)s)")
    args = parser.parse_args()
    widths = [int(width) for width in args.tokens.split(",")]
    runner = Runner()
    columns, runs = {}, {}
    for width in widths:
        columns[width], runs[width] = measure(runner, args, width)
    runner.close()

    print("| operator | nodes | " + " | ".join(map(str, widths)) + " |\n|---|" + "---|" * (len(widths) + 1))
    for operator in sorted(columns[widths[0]], key=lambda o: -columns[widths[-1]][o][1]):
        row(operator, columns[widths[0]][operator][0], [columns[width][operator][1] for width in widths])
    nodes = sum(count for count, _ in columns[widths[0]].values())
    row("all", nodes, [sum(time for _, time in columns[width].values()) for width in widths])
    row("a Run, fastest", "", [1000 * min(runs[width]) for width in widths])
    row("a Run, median", "", [1000 * statistics.median(runs[width]) for width in widths])


def row(name: str, nodes: object, microseconds: list[float]) -> None:
    print(f"| {name} | {nodes} | " + " | ".join(f"{time:.0f}" for time in microseconds) + " |")


def measure(runner: Runner, args: argparse.Namespace, width: int) -> tuple[dict[str, tuple[int, float]], list[float]]:
    """The number of nodes and the microseconds of each operator, and the milliseconds of Runs without the profiler."""
    manifest = json.loads((args.folder / "model.json").read_text())
    graph = args.folder / manifest["transformer"]["precisions"][args.precision]["graph"]
    first, codes = manifest["layout"]["firstCode"], manifest["layout"]["codes"]
    tokens = np.random.default_rng(0).integers(first, first + codes, (manifest["transformer"]["lanes"], args.past + width)).tolist()
    new = [lane[args.past:] for lane in tokens]
    with tempfile.TemporaryDirectory() as folder:
        runner.load("plain", graph, args.threads)
        plain = Lanes(runner, "plain", manifest, args.precision, args.past + width)
        for start in range(0, args.past, STEP):
            plain.run([lane[start:min(start + STEP, args.past)] for lane in tokens])
        runs = plain.time(new, args.repeat)

        runner.load("profiled", graph, args.threads, profile=Path(folder) / "profile")
        profiled = Lanes(runner, "profiled", manifest, args.precision, args.past + width)
        profiled.truncate(plain.lengths)
        profiled.time(new, args.repeat)
        events = json.loads(runner.end_profile("profiled").read_text())
    return by_operator(events), runs


def by_operator(events: list[dict]) -> dict[str, tuple[int, float]]:
    nodes = collections.defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(NODE):
            nodes[event["args"]["op_name"], event["name"]].append(event["dur"])
    times = collections.defaultdict(list)
    for (operator, _), durations in nodes.items():
        times[operator].append(statistics.mean(sorted(durations)[: max(1, len(durations) // 10)]))
    own = min(statistics.mean(each) for each in times.values())
    return {operator: (len(each), sum(max(0, time - own) for time in each)) for operator, each in times.items()}


if __name__ == "__main__":
    main()
