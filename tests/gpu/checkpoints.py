#!/usr/bin/env python3
"""Writes random checkpoints for tests/gpu/check.py.

    checkpoints.py heads FOLDER HEAD_DIM    2 layers with heads of that size, and images of 256 codes
    checkpoints.py large FOLDER LAYERS      layers of Lumina-mGPT 7B's size, and images of 2,304 codes; 32 layers need 13 GB
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "export"), str(ROOT / "tests" / "export"), str(ROOT / "tests" / "tools")]

import memory  # noqa: E402
from harness import tiny  # noqa: E402

try:
    import torch
except ImportError:
    torch = None

RANDOM = np.random.default_rng(0)


def write_heads(folder: Path, head_dim: int) -> None:
    hidden = 512
    heads = hidden // head_dim
    tiny.write_checkpoint(folder, tiny.Preset(
        hidden=hidden, layers=2, heads=heads, kv_heads=heads, inner=1024, codes=1024, positions=1024, code_channels=4, latent=32,
        channels=32, multipliers=(1, 2), size=32))


def write_large(folder: Path, layers: int) -> None:
    memory.write_sparse(folder, layers)
    generation = json.loads((folder / "generation.json").read_text())
    generation["image"]["sizes"] = [[96, 96]]
    generation["sampling"] |= {"topK": 2000}
    (folder / "generation.json").write_text(json.dumps(generation))
    with (folder / "model.safetensors").open("r+b") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        first = file.tell()
        for name, entry in header.items():
            if name.endswith("bias"):
                continue  # zeros, as the sparse file has them
            begin, end = entry["data_offsets"]
            file.seek(first + begin)
            file.write(bfloat16(name, entry["shape"], (end - begin) // 2))


def bfloat16(name: str, shape: list[int], count: int) -> memoryview:
    """Ones for norms, and otherwise normally distributed numbers that leave activations and logits in a sensible range."""
    if "norm" in name:
        return np.full(count, 0x3F80, np.uint16).data
    scale = 1.0 if "embed_tokens" in name or "quantize.embedding" in name else 0.05 if name == "lm_head.weight" else shape[-1] ** -0.5
    if torch is None:
        values = RANDOM.standard_normal(count, np.float32) * np.float32(scale)
        return (values.view(np.uint32) >> 16).astype(np.uint16).data
    device = "cuda" if torch.cuda.is_available() else "cpu"
    values = torch.randn(count, device=device).mul_(scale).to(torch.bfloat16)
    return values.cpu().view(torch.int16).numpy().data


if __name__ == "__main__":
    kind, to, number = sys.argv[1:]
    {"heads": write_heads, "large": write_large}[kind](Path(to), int(number))
