#!/usr/bin/env python3
"""Measures the graphs of a model folder: load, nodes, milliseconds per Run, and how far each precision's logits are from fp32's.

    python3 tests/export/measure.py FOLDER [--threads 2]
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "export"))
from lanes import Lanes  # noqa: E402
from runner import Runner  # noqa: E402

PAST = 256
SLOTS = 320
WINDOWS = (1, 2, 4, 8, 16, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=30)
    args = parser.parse_args()
    manifest = json.loads((args.folder / "model.json").read_text())
    runner = Runner()
    random = np.random.default_rng(0)
    first, codes = manifest["layout"]["firstCode"], manifest["layout"]["codes"]
    tokens = random.integers(first, first + codes, (manifest["transformer"]["lanes"], PAST + WINDOWS[-1])).tolist()
    reference = None
    print(f"{'precision':<10}{'load ms':>8}{'nodes':>7}  " + "".join(f"{w:>8}" for w in WINDOWS) + "  logits: max and RMS error, KL (nats) to the first precision")
    for precision, files in manifest["transformer"]["precisions"].items():
        with tempfile.TemporaryDirectory() as folder:
            optimized = Path(folder) / "optimized.onnx"
            runner.load(precision, args.folder / files["graph"], args.threads, optimized)
            nodes = collections.Counter(node.op_type for node in onnx.load(optimized, load_external_data=False).graph.node)
        load = runner.load(precision, args.folder / files["graph"], args.threads)
        lanes = Lanes(runner, precision, manifest, precision, SLOTS)
        for start in range(0, PAST, 64):
            logits = lanes.run([lane[start:start + 64] for lane in tokens])
        times = [min(lanes.time([lane[PAST:PAST + w] for lane in tokens], args.repeat)) for w in WINDOWS]
        reference = logits if reference is None else reference
        error = logits - reference
        print(f"{precision:<10}{load:>8.0f}{sum(nodes.values()):>7}  " + "".join(f"{t:>8.2f}" for t in times)
              + f"  {np.abs(error).max():.2e} {np.sqrt((error**2).mean()):.2e} (of {reference.std():.2f}) {kl(reference, logits):.2e}")
        print("   ", dict(nodes.most_common()))
    runner.close()


def kl(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over rows of KL(softmax a || softmax b)."""
    log_a, log_b = (x - x.max(-1, keepdims=True) - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)) for x in (a, b))
    return float((np.exp(log_a) * (log_a - log_b)).sum(-1).mean())


if __name__ == "__main__":
    main()
