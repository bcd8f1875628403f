"""A trained model as a checkpoint folder that export.py reads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sjdexport.safetensors import write_safetensors

from .vocabulary import Vocabulary

EXPORT = Path(__file__).resolve().parents[1] / "export.py"
SAMPLING = {"guidance": 3.0, "temperature": 1.0, "topK": 0, "topP": 1.0}
DECODING = {"method": "exact", "window": "auto", "initialization": "repeat-left"}
MOST_TEXT = 128  # tokens


def write_checkpoint(out: Path, transformer: Mapping[str, Any], autoencoder: Mapping[str, Any], config: Mapping[str, Any],
                     generation: Mapping[str, Any]) -> None:
    """Writes the weights into one float16 file, checkpoint.safetensors, under their Hugging Face names.

    The image encoder comes along for fine-tuning.
    """
    out.mkdir(parents=True, exist_ok=True)
    named = {**transformer, **{f"model.vqmodel.{name}": tensor for name, tensor in autoencoder.items()}}
    weights = {name: tensor.cpu().numpy().astype(np.float16) for name, tensor in named.items() if tensor.is_floating_point()}
    write_safetensors(out / "checkpoint.safetensors", weights)
    for name, document in (("config.json", config), ("generation.json", generation)):
        (out / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def config(transformer: Mapping[str, Any], image_tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    """config.json's content."""
    return {
        "model_type": "chameleon", **transformer, "swin_norm": False,
        "vq_config": {**image_tokenizer, "norm_groups": image_tokenizer["groups"]},
    }


def generation(vocabulary: Vocabulary, pixels: int, notice: str) -> dict[str, Any]:
    """generation.json's content, for square pictures."""
    return {
        "license": {"id": "MIT", "commercial": True, "notice": notice},
        "prompt": {
            "conditional": [vocabulary.begin, {"text": "{prompt}"}, vocabulary.turn_end, vocabulary.image_start],
            "unconditional": vocabulary.prompt([]),
            "maxTokens": MOST_TEXT,
        },
        "layout": {
            "firstCode": vocabulary.first_code, "codes": vocabulary.codes, "rowSuffix": [vocabulary.row_end],
            "suffix": [vocabulary.image_end]},
        "image": {"sizes": [[pixels, pixels]]},
        "sampling": SAMPLING,
        "decoding": DECODING,
    }


def export(folder: Path, precision: str, options: Sequence[str] = ()) -> None:
    """Exports a checkpoint folder in place. Ends the program if export.py fails, which has then said why."""
    command = [sys.executable, EXPORT, "--family", "chameleon", "--checkpoint", folder, "--out", folder, "--precision", precision, *options]
    if (status := subprocess.run(command).returncode) != 0:
        sys.exit(status)
