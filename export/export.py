#!/usr/bin/env python3
"""Turns a checkpoint into a model folder for SjdOnnx: graphs, weights and model.json."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sjdexport.errors import ExportError, exit_status
from sjdexport.exporter import ExportOptions, export
from sjdexport.families import FAMILIES
from sjdexport.precision import INT4_BLOCKS, PRECISIONS

EPILOG = """
The checkpoint is a folder or a file, with
  *.safetensors     the weights (F32, F16 or BF16; one file or several), read in place; or *.pt, *.pth, *.bin, *.ckpt through PyTorch
  config.json       sizes, under Hugging Face's names; LlamaGen and Meta's Chameleon have none
  tokenizer         tokenizer.json or text_tokenizer.json; Emu3: emu3.tiktoken and emu3_vision_tokens.txt
  generation.json   optional: what the weights do not tell. Any of the sections name, license, prompt, layout, image,
                    sampling and decoding of model.json, which replace the family's defaults

Families, and what they need beside the checkpoint
  chameleon   Anole (--vq for Meta's files), Lumina-mGPT (--vq vqgan.ckpt --size 512, 768 or 1024)
  emu3        Emu3-Gen (--vq Emu3-VisionTokenizer)
  llamagen    by class (--vq vq_ds16_c2i.pt) or by text (--vq vq_ds16_t2i.pt --text-encoder flan-t5-xl)
  janus       Janus-Pro 1B and 7B, in DeepSeek's files or the Hugging Face port
  lumina2     Lumina-mGPT 2.0 (--vq movqgan_270M.ckpt --size 768)
  simplear    cannot be exported yet: its image decoder is a TorchScript program

Precisions
  fp32        exact
  fp16, bf16  the same for GPUs
  int8        8-bit matrices and activations, each row of activations with its own scale: fastest on CPUs for windows
  int4        4-bit matrices in blocks: smallest, fastest for one token at a time
  int4-fp16   the same with half-precision activations, for GPUs

Each precision gets a data file with its weights as ONNX Runtime computes with them, so it loads fast, and the checkpoint can go.
With --share-weights, and --out the checkpoint's folder, the fp32 graph and the image decoder read the checkpoint's safetensors
instead: the folder is smaller, and the weights are converted every time the model is loaded.

Examples
  python3 export/export.py --checkpoint anole-7b-hf --out onnx-models/anole --precision fp16,int4
  python3 export/export.py --checkpoint lumina-mgpt-7b-768 --vq tokenizer/vqgan.ckpt --size 768 --out onnx-models/lumina --precision bf16
  python3 export/export.py --checkpoint t2i_XL_stage2_512.pt --vq vq_ds16_t2i.pt --text-encoder flan-t5-xl --out onnx-models/llamagen
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", help=f"architecture of the checkpoint: {', '.join(FAMILIES)} (default: told by its tensors)")
    parser.add_argument("--checkpoint", required=True, type=Path, metavar="PATH", help="folder with the weights, or their file")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="model folder to write; may be the checkpoint folder")
    parser.add_argument("--precision", default="fp32,int8", metavar="LIST", help=f"of {', '.join(PRECISIONS)}, separated by commas (default: %(default)s)")
    parser.add_argument("--default-precision", metavar="NAME", help="what the engine uses unless told (default: int8 if exported, else the first)")
    parser.add_argument("--vq", type=Path, metavar="PATH", help="the image decoder's file or folder, where the checkpoint does not hold it")
    parser.add_argument("--text-encoder", type=Path, metavar="DIR", help="folder of FLAN-T5-XL, for LlamaGen models that read text")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="side of the square picture that the checkpoint was trained for, where it does not say")
    parser.add_argument("--int4-block", type=int, default=32, metavar="N",
                        help=f"weights that share a scale at int4: {' or '.join(map(str, INT4_BLOCKS))} (default: %(default)s)")
    parser.add_argument(
        "--lanes", type=int, default=2, metavar="N", help="sequences of one image in a run: 2, or 1 without guidance (default: %(default)s)")
    parser.add_argument("--pictures", default="2,4,8", metavar="LIST",
                        help="batches that one run can draw, for each a small graph over the same weights; '' for none (default: %(default)s)")
    parser.add_argument("--name", help="the model's name (default: generation.json's, else the folder's)")
    parser.add_argument("--share-weights", action="store_true",
                        help="have graphs read the checkpoint's safetensors in --out: a smaller folder that loads slower")
    args = parser.parse_args(arguments)
    precisions = tuple(dict.fromkeys(p.strip() for p in args.precision.split(",")))
    default = args.default_precision or ("int8" if "int8" in precisions else precisions[0])

    def run() -> None:
        options = ExportOptions(
            args.family, args.checkpoint, args.out, precisions, default, args.lanes, _pictures(args.pictures), args.name,
            args.share_weights, args.vq, args.text_encoder, args.size, args.int4_block)
        export(options, sys.stdout)

    return exit_status("export", run, "run it again", args.out)


def _pictures(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        raise ExportError(f"--pictures is '{text}'; expected whole numbers separated by commas, such as 2,4,8.") from None


if __name__ == "__main__":
    sys.exit(main())
