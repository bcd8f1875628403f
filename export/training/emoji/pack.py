"""Turns the training checkpoints into a checkpoint folder, and exports it.

    cd export
    python3 -m training.emoji.pack --folder /tmp/training --out ../onnx-models/emoji

The checkpoint folder has one float16 file of weights, `checkpoint.safetensors`, from which later training can start.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from .. import packing
from .autoencoder import AutoencoderConfig
from .backgrounds import SIZE
from .loop import load_stage
from .tokens import VOCABULARY

NOTICE = (
    "Trained by the SjdOnnx authors on pictures of Microsoft's Fluent emoji (MIT), from the npm package @lobehub/fluent-emoji-3d (MIT)."
)


def write_checkpoint(folder: Path, out: Path, decoder: str = "decoder") -> None:
    """Writes the checkpoint folder from the training folder's checkpoints."""
    transformer, autoencoder = load_stage(folder / "transformer.pt"), load_stage(folder / f"{decoder}.pt")
    shape = autoencoder["config"]
    config = packing.config(transformer["config"], {**shape, "codes": AutoencoderConfig(**shape).codes})
    packing.write_checkpoint(out, transformer["model"], autoencoder["model"], config, packing.generation(VOCABULARY, SIZE, NOTICE))
    shutil.copyfile(folder / "tokenizer.json", out / "tokenizer.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument(
        "--decoder", default="decoder", help="stage whose image decoder is taken: autoencoder or decoder (default: %(default)s)")
    parser.add_argument("--precision", default="fp32,int8", help="as export.py takes it (default: %(default)s)")
    parser.add_argument("--checkpoint-only", action="store_true", help="write the checkpoint folder and do not export it")
    options = parser.parse_args()
    write_checkpoint(options.folder, options.out, options.decoder)
    if not options.checkpoint_only:
        packing.export(options.out, options.precision)


if __name__ == "__main__":
    main()
