#!/usr/bin/env python3
"""Makes the models that the harness measures, in the form that each engine reads. `run.sh` calls it.

    python3 tools/peers/models.py OUT

OUT/<model>/ then holds a checkpoint under the official names, the exporter's model folders for one lane and for two, the graphs of
onnxruntime-genai, and the GGUF files of llama.cpp. `peers.json` says what the harness must know to drive them.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "export"), str(ROOT / "tests" / "export"), str(Path(__file__).resolve().parent)]

import genai  # noqa: E402
import gguf  # noqa: E402
from harness import family_checkpoints as checkpoints  # noqa: E402
from harness import image_decoder_reference  # noqa: E402
from sjdexport.checkpoint import open_checkpoint  # noqa: E402

PRECISIONS = ("fp32", "int8")  # of all engines; SjdOnnx also reads int8-blocks
CODES = 4096
MAX_POSITIONS = 512
WIDTH, LAYERS, HEADS, INNER = 512, 8, 8, 1376
STRUCTURAL = 256 + 208 + 3  # ids before the codes in Emu3's vocabulary: bytes, special tokens, and three that frame an image
BEGIN, IMAGE_START = STRUCTURAL - 5, STRUCTURAL - 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the models, about 1 GB")
    out = parser.parse_args().out.resolve()
    for name, make in (("llama-30m", make_llama), ("emoji", make_emoji)):
        if not (out / name / "peers.json").exists():
            shutil.rmtree(out / name, ignore_errors=True)
            make(out / name)


def make_llama(folder: Path) -> None:
    """A random LLaMA with 30 million weights under the names of Emu3, the only family without parts that llama.cpp does not have."""
    checkpoint, vq = folder / "checkpoint", folder / "vision-tokenizer"
    write_llama(checkpoint, vq)
    padding = export(folder, "--checkpoint", checkpoint, "--vq", vq)
    weights = open_checkpoint(checkpoint)
    for precision in PRECISIONS:
        gguf.write_llama(folder / f"{precision}.gguf", weights, json.loads((checkpoint / "config.json").read_text()), precision == "int8")
    text = "a red fox"
    write_description(folder, checkpoint, padding, text, list(text.encode()))  # without merges, the tokens are the bytes


def make_emoji(folder: Path) -> None:
    """The built-in model. Its weights are exported again, because the committed fp32 graph converts them each time it is loaded."""
    checkpoint = ROOT / "onnx-models" / "emoji"
    padding = export(folder, "--checkpoint", checkpoint)
    vocabulary = json.loads((checkpoint / "tokenizer.vocabulary.json").read_text())
    words = ["a", "cat", "on", "a", "blue", "background"]
    ids = [vocabulary[word if i == 0 else f"Ġ{word}"] for i, word in enumerate(words)]
    write_description(folder, checkpoint, padding, " ".join(words), ids, two_lanes=checkpoint)


def export(folder: Path, *arguments: object) -> int:
    """Exports for one lane and for two, and converts the graph of one lane for onnxruntime-genai. Returns its id for padding."""
    for name, lanes in (("one", 1), ("two", 2)):
        subprocess.run(
            [sys.executable, ROOT / "export" / "export.py", *arguments, "--out", folder / name, "--lanes", str(lanes), "--pictures", "",
             "--precision", ",".join((*PRECISIONS, "int8-blocks"))], check=True)
    one = folder / "one" / "model.json"
    manifest = json.loads(one.read_text())
    manifest["sampling"]["guidance"] = 1  # one lane has no other
    one.write_text(json.dumps(manifest, indent=2) + "\n")
    for precision in PRECISIONS:
        graph = folder / "one" / f"transformer.{precision}.onnx"
        genai.convert(graph, folder / f"genai-{precision}", manifest)
    return genai.convert(folder / "one" / "transformer.fp32.onnx", folder / "genai-blocks-int8", manifest, blocks=True)


def write_description(
    folder: Path, checkpoint: Path, padding: int, text: str, ids: list[int], two_lanes: Path | None = None) -> None:
    """Writes peers.json. `ids` are the tokens of `text`."""
    manifest = json.loads((folder / "two" / "model.json").read_text())
    transformer, layout, image = manifest["transformer"], manifest["layout"], manifest["image"]

    def prompt(parts: list[Any]) -> list[int]:
        return [id for part in parts for id in ([part] if isinstance(part, int) else ids)]

    width, height = image["sizes"][0]
    description = {
        "checkpoint": str(checkpoint), "twoLanes": str(two_lanes or folder / "two"), "text": text,
        "conditional": prompt(manifest["prompt"]["conditional"]), "unconditional": prompt(manifest["prompt"]["unconditional"]),
        "rows": height // image["pixelsPerCode"], "columns": width // image["pixelsPerCode"],
        "firstCode": layout["firstCode"], "codes": layout["codes"], "rowSuffix": layout["rowSuffix"],
        "padding": padding,
        "guidance": manifest["sampling"]["guidance"], "layers": transformer["layers"], "kvHeads": transformer["kvHeads"],
        "headDim": transformer["headDim"], "maxPositions": transformer["maxPositions"],
    }
    (folder / "peers.json").write_text(json.dumps(description, indent=2) + "\n")


def write_llama(folder: Path, vq: Path) -> None:
    """Writes the random checkpoint, with the tokenizer of Emu3 for bytes alone."""
    sizes = checkpoints.Sizes(STRUCTURAL + CODES, WIDTH, LAYERS, HEADS, HEADS, WIDTH // HEADS, INNER)
    random = checkpoints.Random(30)
    weights = checkpoints.llama(random, sizes)
    weights["lm_head.weight"] = random.matrix(sizes.vocabulary, WIDTH, gain=2)
    folder.mkdir(parents=True)
    checkpoints.save(folder / "model.safetensors", weights)
    checkpoints.write_json(
        folder / "config.json",
        checkpoints.config(sizes, model_type="Emu3", max_position_embeddings=MAX_POSITIONS, rope_theta=1000000.0))
    (folder / "emu3.tiktoken").write_bytes(b"".join(base64.b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256)))
    codes = [f"<|visual token {code:06d}|>" for code in range(CODES)]
    (folder / "emu3_vision_tokens.txt").write_text("\n".join(["<|image token|>", "<|image start|>", "<|image end|>", *codes]) + "\n")
    checkpoints.write_json(folder / "generation.json", {
        "prompt": {"conditional": [BEGIN, {"text": "{prompt}"}, IMAGE_START], "unconditional": [BEGIN, IMAGE_START], "negative": None,
                   "maxTokens": 64},
        "layout": {"firstCode": STRUCTURAL, "codes": CODES, "rowSuffix": [], "suffix": []},
        "image": {"sizes": [[64, 64]]},
        "sampling": {"guidance": 3.0, "temperature": 1.0, "topK": 0, "topP": 1.0},
        "decoding": {"method": "exact", "window": "auto", "initialization": "repeat-left"},
    })
    decoder = checkpoints.image_weights(image_decoder_reference.Emu3())
    channels = decoder["quantize.embedding.weight"].shape[1]
    checkpoints.save(vq / "model.safetensors", {**decoder, "quantize.embedding.weight": random.normal(CODES, channels)})


if __name__ == "__main__":
    main()
