"""Turns the training checkpoints into the checkpoint folder that the exporter reads, and exports it.

    python3 export/emoji/pack.py            # onnx-models/emoji, the folder the engine draws from

The weights go into one float16 file, `checkpoint.safetensors`. The fp32 graph points into that file, so they are stored
once; later training starts from it too.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

import progress
import tokens
from autoencoder import AutoencoderConfig
from scenes import SIZE
from transformer import TransformerConfig

EXPORT = Path(__file__).parent.parent
sys.path.insert(0, str(EXPORT))
from sjdexport.safetensors import write_safetensors  # noqa: E402

# Chosen by `evaluate.py --seed 1`: other held-out captions than those the built-in model is judged by.
SAMPLING = {"guidance": 3.0, "temperature": 1.0, "topK": 0, "topP": 1.0}
DECODING = {"method": "exact", "window": "auto", "initialisation": "repeat-left"}


def weights() -> dict[str, np.ndarray]:
    """Every tensor that decoding needs, float16, under its Hugging Face name; the image encoder too, for fine-tuning."""
    transformer = progress.load(progress.CHECKPOINTS / "transformer.pt")["model"]
    autoencoder = progress.load(progress.CHECKPOINTS / "autoencoder.pt")["model"]
    named = dict(transformer) | {f"model.vqmodel.{name}": tensor for name, tensor in autoencoder.items()}
    return {name: tensor.numpy().astype(np.float16) for name, tensor in named.items() if tensor.is_floating_point()}


def config(vocabulary: int) -> dict[str, object]:
    return {
        "model_type": "chameleon",
        **dataclasses.asdict(TransformerConfig(vocab_size=vocabulary)),
        "swin_norm": False,
        "vq_config": {**dataclasses.asdict(AutoencoderConfig()), "norm_groups": AutoencoderConfig().groups},
    }


def generation() -> dict[str, object]:
    return {
        "license": {"id": "MIT", "commercial": True, "notice": "Trained by the SjdOnnx authors on drawings of Noto Color Emoji (SIL OFL 1.1)."},
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=EXPORT.parent / "onnx-models" / "emoji")
    parser.add_argument("--precision", default="fp32,int8")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    text = tokens.Tokenizer()
    write_safetensors(options.out / "checkpoint.safetensors", weights())
    text.save(options.out / "tokenizer.json")
    for name, document in (("config.json", config(text.size)), ("generation.json", generation())):
        (options.out / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    subprocess.run(
        [sys.executable, EXPORT / "export.py", "--family", "chameleon", "--checkpoint", options.out, "--out", options.out,
         "--precision", options.precision, "--share-weights"], check=True)


if __name__ == "__main__":
    main()
