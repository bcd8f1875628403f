"""Writes episodes of the table for the test that compares the simulator in C# with the one in Python.

    cd export
    python3 -m training.policy.record ../tests/SjdOnnx.Tests/Actions/episodes.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

from .oracle import actions, speeds
from .world import Tables


def record(count: int, steps: int, seed: int) -> list[dict]:
    """Episodes of the oracle, the second half of them with clumsy actions."""
    random = np.random.default_rng(seed)
    episodes = []
    for number in range(count):
        tables = Tables.random(1, random)
        episode = {
            "gripper": tables.gripper[0].tolist(), "blocks": tables.blocks[0].tolist(), "colors": tables.colors[0].tolist(),
            "pad": tables.pad[0].tolist(), "wanted": int(tables.wanted[0]), "instruction": tables.instructions()[0], "steps": []}
        for _ in range(steps):
            action = actions(tables, speeds(1, random), random)
            if number >= count // 2:
                action[:, :3] += 0.1 * random.standard_normal((1, 3))
                action[:, 3] *= np.where(random.random(1) < 0.3, -1, 1)
            tables.step(action)
            episode["steps"].append({
                "action": action[0].tolist(), "gripper": tables.gripper[0].tolist(), "blocks": tables.blocks[0].tolist(),
                "held": int(tables.held[0]), "closed": bool(tables.closed[0]), "done": bool(tables.done()[0]),
                "picture": hashlib.sha256(tables.pictures()[0].tobytes()).hexdigest()})
        episodes.append(episode)
    return episodes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.write_text(json.dumps(record(count=8, steps=24, seed=0), separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
