"""Turns the training checkpoints into the checkpoint folder that the exporter reads, and exports it.

    cd export/training
    python3 -m emoji.pack --folder /tmp/training --out ../../onnx-models/emoji

The weights go into one float16 file, `checkpoint.safetensors`. The fp32 graph points into that file, so they are stored once; later
training starts from it too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from . import tokens
from .autoencoder import AutoencoderConfig
from .backgrounds import SIZE
from .loop import load

EXPORT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(EXPORT))
from sjdexport.safetensors import write_safetensors  # noqa: E402

SAMPLING = {"guidance": 3.0, "temperature": 1.0, "topK": 0, "topP": 1.0}
DECODING = {"method": "exact", "window": "auto", "initialisation": "repeat-left"}
NOTICE = (
    "Trained by the SjdOnnx authors on pictures of Microsoft's Fluent emoji (MIT), from the npm package @lobehub/fluent-emoji-3d (MIT)."
)


def weights(transformer: dict[str, Any], autoencoder: dict[str, Any]) -> dict[str, np.ndarray]:
    """Every tensor that decoding needs, float16, under its Hugging Face name; the image encoder too, for fine-tuning."""
    named = dict(transformer["model"]) | {f"model.vqmodel.{name}": tensor for name, tensor in autoencoder["model"].items()}
    return {name: tensor.cpu().numpy().astype(np.float16) for name, tensor in named.items() if tensor.is_floating_point()}


def config(transformer: dict[str, Any], autoencoder: dict[str, Any]) -> dict[str, object]:
    shape = autoencoder["config"]
    return {
        "model_type": "chameleon", **transformer["config"], "swin_norm": False,
        "vq_config": {**shape, "norm_groups": shape["groups"], "codes": AutoencoderConfig(**shape).codes},
    }


def generation() -> dict[str, object]:
    return {
        "license": {"id": "MIT", "commercial": True, "notice": NOTICE},
        "prompt": {
            "conditional": [tokens.BOS, {"text": "{prompt}"}, tokens.TURN_END, tokens.IMAGE_START],
            "unconditional": tokens.prompt([]),
            "maxTokens": 128,
        },
        "layout": {"firstCode": tokens.FIRST_CODE, "codes": tokens.CODES, "rowSuffix": [tokens.ROW_END], "suffix": [tokens.IMAGE_END]},
        "image": {"sizes": [[SIZE, SIZE]]},
        "sampling": SAMPLING,
        "decoding": DECODING,
    }


def write_checkpoint(folder: Path, out: Path, decoder: str = "decoder") -> None:
    """Writes the checkpoint folder from the training folder's checkpoints."""
    transformer, autoencoder = load(folder / "transformer.pt"), load(folder / f"{decoder}.pt")
    out.mkdir(parents=True, exist_ok=True)
    write_safetensors(out / "checkpoint.safetensors", weights(transformer, autoencoder))
    shutil.copyfile(folder / "tokenizer.json", out / "tokenizer.json")
    for name, document in (("config.json", config(transformer, autoencoder)), ("generation.json", generation())):
        (out / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="the training's folder")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--decoder", default="decoder", help="stage whose checkpoint decodes: autoencoder or decoder")
    parser.add_argument("--precision", default="fp32,int8")
    parser.add_argument("--checkpoint-only", action="store_true", help="do not export")
    options = parser.parse_args()
    write_checkpoint(options.folder, options.out, options.decoder)
    if not options.checkpoint_only:
        subprocess.run(
            [sys.executable, EXPORT / "export.py", "--family", "chameleon", "--checkpoint", options.out, "--out", options.out,
             "--precision", options.precision], check=True)


if __name__ == "__main__":
    main()
