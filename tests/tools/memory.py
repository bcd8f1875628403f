#!/usr/bin/env python3
"""Measures peak memory and time of an export with the shape of Lumina-mGPT and Anole, from a sparse file of zeros that takes no disk space.

    python3 tests/tools/memory.py --layers 32 --precision int4
    python3 tests/tools/memory.py --layers 4 --precision fp32 --load

With --load the transformer is then loaded into ONNX Runtime on the CPU. Its weights are random then, because equal matrices would be packed
once.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "export"), str(ROOT / "tests" / "export")]

from harness import tiny  # noqa: E402
from harness.exports import EXPORT  # noqa: E402
from harness.runner import Runner  # noqa: E402
from sjdexport import contract  # noqa: E402

HIDDEN, HEADS, INNER, VOCABULARY, CODES = 4096, 32, 11008, 65536, 8192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--precision", default="int4", help="as export.py takes it (default: %(default)s)")
    parser.add_argument("--share-weights", action="store_true", help="export with --share-weights")
    parser.add_argument("--load", action="store_true", help="also load the exported transformer, with and without prepacked weights")
    parser.add_argument("--folder", type=Path, help="folder for the temporary model folder of a few GB (default: the system's)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        checkpoint = Path(folder) / "checkpoint"
        out = checkpoint if args.share_weights else Path(folder) / "out"
        write_sparse(checkpoint, args.layers)
        if args.load:
            randomize(checkpoint / "model.safetensors")
        command = [sys.executable, EXPORT, "--checkpoint", checkpoint]
        start = time.monotonic()
        subprocess.run([*command, "--out", out, "--precision", args.precision, *["--share-weights"] * args.share_weights], check=True)
        seconds, peak = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        weights = (checkpoint / "model.safetensors").stat().st_size / 2**30
        print(f"{args.layers} layers, {weights:.1f} GiB of bfloat16 to {args.precision}: {peak:.2f} GiB at the peak, {seconds:.0f} s")
        for prepack in (True, False) if args.load else ():
            load(out / contract.transformer_graph(args.precision), prepack)


def randomize(path: Path) -> None:
    """Sets every weight to a random number with a magnitude from 2^-7 to 2^-6."""
    random = np.random.default_rng(0)
    with path.open("r+b") as file:
        first = 8 + int.from_bytes(file.read(8), "little")
        for start in range(file.seek(first), path.stat().st_size, 64 << 20):
            bits = random.integers(0, 2**16, min(64 << 20, path.stat().st_size - start) // 2, np.uint16)
            file.write((bits & 0x807F | 0x3C00).data)


def load(graph: Path, prepack: bool) -> None:
    runner = Runner()
    seconds = runner.load("model", graph, threads=2, prepack=prepack) / 1000
    print(f"loaded {'with' if prepack else 'without'} prepacking: {runner.peak_bytes() / 2**30:.2f} GiB at the peak, {seconds:.1f} s")
    runner.close()


def write_sparse(folder: Path, layers: int) -> None:
    """Writes a checkpoint with a sparse file of weights, and the tokenizer and the image decoder's shapes of the tiny one."""
    tiny.write_checkpoint(folder)
    decoder = {name: values.shape for name, values in tiny.decoder(tiny.TINY).items()}
    (folder / "checkpoint.safetensors").unlink()
    shapes = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN), "lm_head.weight": (VOCABULARY, HIDDEN), "model.norm.weight": (HIDDEN,),
              **decoder, "model.vqmodel.quantize.embedding.weight": (CODES, tiny.TINY.code_channels)}
    for i in range(layers):
        layer = {**{f"self_attn.{part}_proj": (HIDDEN, HIDDEN) for part in "qkvo"},
                 "mlp.gate_proj": (INNER, HIDDEN), "mlp.up_proj": (INNER, HIDDEN),
                 "mlp.down_proj": (HIDDEN, INNER), "input_layernorm": (HIDDEN,), "post_attention_layernorm": (HIDDEN,)}
        shapes |= {f"model.layers.{i}.{name}.weight": shape for name, shape in layer.items()}
        shapes |= {f"model.layers.{i}.self_attn.{part}_norm.{end}": (1, HIDDEN // HEADS) for part in "qk" for end in ("weight", "bias")}
    header, offset = {}, 0
    for name, shape in shapes.items():
        end = offset + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + offset)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_size": HIDDEN, "num_hidden_layers": layers, "num_attention_heads": HEADS, "num_key_value_heads": HEADS,
               "intermediate_size": INNER, "vocab_size": VOCABULARY, "max_position_embeddings": 4096}
    (folder / "config.json").write_text(json.dumps(config))
    generation = json.loads((folder / "generation.json").read_text())
    generation["layout"]["codes"] = CODES
    (folder / "generation.json").write_text(json.dumps(generation))


if __name__ == "__main__":
    main()
