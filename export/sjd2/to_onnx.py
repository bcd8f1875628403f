#!/usr/bin/env python3
"""Turns a fine-tuned checkpoint of the built-in model into a checkpoint folder, as any model's is, and exports that.

    python3 export/sjd2/to_onnx.py             # onnx-models/emoji-sjd2

A checkpoint that reads noise has, beside the weights of its architecture, the tensors denoising.mean, denoising.std and, if the model is told levels,
denoising.levels.*; and in generation.json a section denoising. The exporter does the rest, whatever the family.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "export"), str(ROOT / "export" / "emoji")]

import progress  # noqa: E402
import tokens  # noqa: E402
from noise import Schedule  # noqa: E402
from pack import config, generation  # noqa: E402
from sjdexport.safetensors import read_header, write_safetensors  # noqa: E402

BASE = ROOT / "onnx-models" / "emoji" / "checkpoint.safetensors"
LEVELS = 24  # intervals of the schedule's table: 1, 2, 3, 4, 6, 8, 12 and 24 denoising steps meet its entries
STEPS = 1  # chosen by docs/benchmarks/sjd2.md
DECODING = {"method": "sjd2", "window": 16, "initialisation": "repeat-left"}


def weights(model: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """The fine-tuned transformer, the base model's image encoder and decoder, and what denoising needs."""
    images = {name: tensor.raw() for name, tensor in read_header(BASE).items() if name.startswith("model.vqmodel.")}
    transformer = {name.removeprefix("transformer."): values for name, values in model.items() if name.startswith("transformer.")}
    denoising = {f"denoising.{name}": values for name, values in model.items() if not name.startswith("transformer.")}
    return images | {name: values.float().numpy().astype(np.float16) for name, values in (transformer | denoising).items()}


def denoising(kind: str) -> dict[str, object]:
    """generation.json's section."""
    schedule, level = Schedule(kind), torch.linspace(0, 1, LEVELS + 1, dtype=torch.float64)
    # cos(pi / 2) is 6e-17; a schedule ends in noise alone.
    alpha, sigma = ([round(float(value), 6) for value in values] for values in (schedule.alpha(level), schedule.sigma(level)))
    return {"steps": STEPS, "alpha": alpha, "sigma": sigma}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="sjd2", help="of the checkpoint in export/emoji/checkpoints")
    parser.add_argument("--out", type=Path, default=ROOT / "onnx-models" / "emoji-sjd2")
    parser.add_argument("--precision", default="int8")
    options = parser.parse_args()

    checkpoint = progress.load(progress.CHECKPOINTS / f"{options.name}.pt")
    if checkpoint is None:
        parser.error(f"there is no {progress.CHECKPOINTS / options.name}.pt: run export/sjd2/finetune.py first")
    folder = progress.CHECKPOINTS / options.name
    folder.mkdir(exist_ok=True)
    text = tokens.Tokenizer()
    write_safetensors(folder / "checkpoint.safetensors", weights(checkpoint["model"]))
    text.save(folder / "tokenizer.json")
    sections = {**generation(), "decoding": DECODING, "denoising": denoising(checkpoint["schedule"])}
    for name, document in (("config.json", config(text.size)), ("generation.json", sections)):
        (folder / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    subprocess.run(
        [sys.executable, ROOT / "export" / "export.py", "--checkpoint", folder, "--out", options.out, "--precision", options.precision, "--copy-weights"],
        check=True)


if __name__ == "__main__":
    main()
