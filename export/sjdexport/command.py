"""The command line of export.py."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .errors import ExportError, exit_status
from .exporter import ExportOptions, export
from .families import FAMILIES
from .precision import INT4_BLOCKS, PRECISIONS

USUAL = "fp32,int8"
DESCRIPTION = "Turns downloaded weights into a model folder for SjdOnnx: ONNX graphs, their weights, a tokenizer and model.json."
EPILOG = """
Files that --checkpoint reads from a folder
  *.safetensors     the weights (F32, F16 or BF16, in one file or several); or *.pt, *.pth, *.bin, *.ckpt, which need PyTorch
  config.json       the sizes, under Hugging Face's names; LlamaGen and Meta's Chameleon have none
  tokenizer         tokenizer.json or text_tokenizer.json; for Emu3 emu3.tiktoken and emu3_vision_tokens.txt
  generation.json   optional: sections of model.json (name, license, prompt, layout, image, sampling, decoding) that
                    replace the family's defaults

Families, and what they need besides --checkpoint
  chameleon   Anole: nothing, or --vq vqgan.ckpt for Meta's files. Lumina-mGPT: --vq vqgan.ckpt --size 512, 768 or 1024
  emu3        Emu3-Gen: --vq Emu3-VisionTokenizer
  llamagen    by class: --vq vq_ds16_c2i.pt. By text: --vq vq_ds16_t2i.pt --text-encoder flan-t5-xl
  janus       Janus-Pro 1B and 7B, DeepSeek's files or the Hugging Face port: nothing
  lumina2     Lumina-mGPT 2.0: --vq movqgan_270M.ckpt --size 768
  pccot       answers questions (sjd think): GPT-2 or Llama with pccot_args.json. An adapter of PEFT: --base gpt2

Other systems
  tarflow     a flow, NAME_model_P_D_B_L_noise.pth: nothing; docs/flows.md

Precisions
  fp32        float32 throughout
  fp16, bf16  half precision, for GPUs
  int8        8-bit matrices and activations, with a scale for each row of activations: fastest on CPUs for windows of drafts
  int8-blocks 8-bit matrices in blocks: fastest on CPUs for one token at a time if the model fits the caches
  int4        4-bit matrices in blocks: smallest, fastest on CPUs for one token at a time
  int4-fp16   4-bit matrices with half-precision activations, for GPUs
  int8-fp16   8-bit matrices with half-precision activations, for GPUs

Each precision gets a data file in the layout that ONNX Runtime computes with. It loads fast, and the checkpoint is not needed any more.
With --share-weights, and the checkpoint's folder as --out, the fp32 graph and the image decoder read the checkpoint's safetensors
instead: the folder is smaller, but ONNX Runtime converts the weights each time it loads the model.

Examples
  python3 export/export.py --checkpoint anole-7b-hf --out onnx-models/anole --precision fp16,int4
  python3 export/export.py --checkpoint lumina-mgpt-7b-768 --vq tokenizer/vqgan.ckpt --size 768 --out onnx-models/lumina --precision bf16
  python3 export/export.py --checkpoint t2i_XL_stage2_512.pt --vq vq_ds16_t2i.pt --text-encoder flan-t5-xl --out onnx-models/llamagen

docs/exporting.md says more: what was checked for each family, precision, memory.
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="export.py", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--checkpoint", required=True, type=Path, metavar="PATH", help="folder with the weights, or a single file of weights")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="model folder to write; it may be the checkpoint's folder")
    parser.add_argument(
        "--family", help=f"model family: {', '.join(FAMILIES)} (default: detected from the names and shapes of the tensors)")
    parser.add_argument(
        "--vq", type=Path, metavar="PATH", help="file or folder of the image decoder, if the checkpoint does not include it")
    parser.add_argument("--text-encoder", type=Path, metavar="DIR", help="folder of FLAN-T5-XL, for LlamaGen models that read text")
    parser.add_argument("--base", type=Path, metavar="DIR", help="folder of the base model, if --checkpoint is an adapter of PEFT (PCCoT)")
    parser.add_argument(
        "--size", type=int, metavar="PIXELS",
        help="side of the square pictures that the model was trained on, if the weights do not determine it")
    parser.add_argument("--precision", metavar="LIST",
                        help=f"precisions to export, separated by commas: {', '.join(PRECISIONS)} (default: {USUAL})")
    parser.add_argument("--default-precision", metavar="NAME",
                        help="precision that the engine uses by default (default: int8 if it is exported, else the first of --precision)")
    parser.add_argument("--int4-block", type=int, default=32, metavar="N",
                        help=f"number of int4 weights that share a scale: {' or '.join(map(str, INT4_BLOCKS))} (default: %(default)s)")
    parser.add_argument(
        "--lanes", type=int, default=2, metavar="N",
        help="sequences for each picture: 2, or 1 for a model without guidance (default: %(default)s)")
    parser.add_argument("--pictures", default="2,4,8", metavar="LIST",
                        help="batch sizes; each gets a small graph that shares the weights, and '' means none (default: %(default)s)")
    parser.add_argument("--unnorm-key", metavar="NAME", help="of a policy: the data set in norm_stats whose ranges its actions have")
    parser.add_argument("--chunk", type=int, metavar="N", help="of a policy: actions that it predicts at once (default: 1)")
    parser.add_argument(
        "--gripper", help="of a policy: none, or libero, which turns 0 and 1 into 1 (close) and -1 (open) (default: none)")
    parser.add_argument("--name", help="name of the model (default: the name in generation.json, else that of the folder)")
    parser.add_argument("--share-weights", action="store_true",
                        help="let graphs read the checkpoint's safetensors in --out: smaller, but slower to load")
    args = parser.parse_args(arguments)
    precisions = tuple(dict.fromkeys(p.strip() for p in (USUAL if args.precision is None else args.precision).split(",")))
    default = args.default_precision or ("int8" if "int8" in precisions else precisions[0])

    def run() -> None:
        options = ExportOptions(
            args.family, args.checkpoint, args.out, precisions, default, args.lanes, _pictures(args.pictures), args.name,
            args.share_weights, args.vq, args.text_encoder, args.size, args.int4_block,
            chosen=args.precision is not None, base=args.base, unnorm_key=args.unnorm_key, chunk=args.chunk, gripper=args.gripper)
        export(options, sys.stdout)

    return exit_status("export", run, "run it again", args.out)


def _pictures(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        raise ExportError(f"--pictures is '{text}'; expected whole numbers separated by commas, such as 2,4,8.") from None
