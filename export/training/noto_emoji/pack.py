"""Turns the training checkpoints into a checkpoint folder, and exports it.

    cd export
    python3 -m training.noto_emoji.pack            # into onnx-models/emoji, the built-in model

The weights go into one float16 file, `checkpoint.safetensors`. The fp32 graph reads that file, so they are stored once, and later training
can start from it.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from .. import packing
from ..checkpoints import CHECKPOINTS, load
from .autoencoder import DECODER, LEVELS
from .scenes import SIZE
from .tokens import VOCABULARY, train_tokenizer
from .train_transformer import config

NOTICE = "Trained by the SjdOnnx authors on drawings of Noto Color Emoji (SIL OFL 1.1)."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=packing.EXPORT.parents[1] / "onnx-models" / "emoji",
        help="model folder to write (default: %(default)s)")
    parser.add_argument("--precision", default="fp32,int8", help="as export.py takes it (default: %(default)s)")
    options = parser.parse_args()

    text = train_tokenizer()
    transformer, autoencoder = (load(CHECKPOINTS / f"{name}.pt")["model"] for name in ("transformer", "autoencoder"))
    document = packing.config(dataclasses.asdict(config(text.size)), {"codes": VOCABULARY.codes, "levels": LEVELS, **DECODER})
    packing.write_checkpoint(options.out, transformer, autoencoder, document, packing.generation(VOCABULARY, SIZE, NOTICE))
    text.save(options.out / "tokenizer.json")
    packing.export(options.out, options.precision, ["--share-weights"])


if __name__ == "__main__":
    main()
