"""The interface between exporter and engine: the files of a model folder, the inputs and outputs of the graphs, and model.json."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import onnx

from .graph import external_files

FORMAT = "3.0"
MANIFEST = "model.json"
IMAGE_DECODER = "image_decoder.onnx"
TOKENIZER_VOCABULARY = "tokenizer.vocabulary.json"
TOKENIZER_MERGES = "tokenizer.merges.txt"
TOKENIZER_RANKS = "tokenizer.tiktoken"
TOKENIZER_UNIGRAM = "tokenizer.spiece.model"
TEXT_ENCODER = "text_encoder.onnx"
QUANTIZATION = "quantization.json"
OWN = re.compile(
    r"transformer\.[a-z0-9-]+(\.tree|\.lane|\.x\d+)?\.(onnx|data)|(image_decoder|text_encoder)\.(onnx|data)|quantization\.json"
    r"|(flow|thought|policy)(\.[a-z0-9-]+)*\.(onnx|data)"
    r"|tokenizer\.(vocabulary\.json|merges\.txt|tiktoken|spiece\.model)")


def is_own(name: str) -> bool:
    """Whether the exporter writes files with this name. Other files in a model folder may belong to the user."""
    return OWN.fullmatch(name) is not None


def transformer_graph(precision: str, pictures: int = 1, tree: bool = False) -> str:
    """The file of a transformer's graph: for one picture, for a batch of several, or for one picture whose new tokens may form a tree."""
    return f"transformer.{precision}{'.tree' if tree else ''}{f'.x{pictures}' if pictures > 1 else ''}.onnx"


def lane_graph(precision: str) -> str:
    """The file of a transformer's graph for one lane of a picture."""
    return f"transformer.{precision}.lane.onnx"


# transformer.*.onnx: S new tokens of all lanes, R rows to predict, M cache slots
INPUT_IDS = "input_ids"  # int64 [1, S], one lane after another
LANE_LENGTHS = "lane_lengths"  # int64 [lanes], sums to S
LOGITS_ROWS = "logits_rows"  # int64 [R], indices among the S tokens
LOGITS = "logits"  # float32 [1, R, codes]
# Only with a text encoder
CONDITION = "condition"  # float32 [C, hidden], the text encoder's output; ids past the embedding are its rows
POSITION_OFFSET = "position_offset"  # int64 [1], rotary positions that a sequence skips at its start
# Only if the model reads noise (denoising.py). N is S, or 1 for a Run without noisy rows
NOISY_EMBEDDINGS = "noisy_embeddings"  # float32 [1, N, hidden], normalized: DENOISED_EMBEDDINGS of the previous pass, or noise
DENOISING = "denoising"  # float32 [1, N, 3]: DENOISING_FIELDS of each row, all 0 for a clean row
DENOISING_FIELDS = ("keep", "add", "level")  # the factors of the previous embedding and of the id's own, and the noise level
DENOISED_EMBEDDINGS = "denoised_embeddings"  # float32 [1, S, hidden], normalized


def seqlens_k(lane: int) -> str:
    """int32 [1]: the lane's length after this Run, minus one, as GroupQueryAttention defines it."""
    return f"seqlens_k.{lane}"


def total_sequence_length(lane: int) -> str:
    """int32 scalar: the lane's length after this Run."""
    return f"total_sequence_length.{lane}"


def position_ids(lane: int) -> str:
    """int64 [1, S of the lane], only in graphs of trees: the position of each new token, which differs from its index in the cache."""
    return f"position_ids.{lane}"


def attention_bias(lane: int) -> str:
    """float32 [1, 1, S of the lane, S of the lane], only in graphs of trees: 0 if a new token sees another one, else -inf."""
    return f"attention_bias.{lane}"


# A tree's new tokens take more slots in the cache than positions, and ONNX Runtime needs a rotation for each slot.
MAX_BRANCHES = 1024


def past(layer: int, lane: int, part: str) -> str:
    """[1, kv heads, M, head dim]. `part` is "key" or "value"."""
    return f"past.{layer}.{lane}.{part}"


def present(layer: int, lane: int, part: str) -> str:
    """Shares its memory with `past`."""
    return f"present.{layer}.{lane}.{part}"


# image_decoder.onnx
CODES = "codes"  # int64 [1, h, w], codebook indices
RGB = "rgb"  # uint8 [1, H, W, 3]

# Keys of the graphs' metadata_props, which the engine compares with model.json
METADATA_IDS = "sjdonnx.ids"  # transformer and text encoder: rows of the embedding
METADATA_POSITIONS = "sjdonnx.max_positions"  # transformer: the longest sequence, including the prompt
METADATA_PLACES = "sjdonnx.places"  # text encoder: the longest text, in tokens
METADATA_CODES = "sjdonnx.codes"  # image decoder: rows of the codebook
METADATA_PIXELS = "sjdonnx.pixels_per_code"  # image decoder

# text_encoder.onnx
IDS = "ids"  # int64 [1, n]


def file_entries(folder: Path, names: list[str]) -> dict[str, dict[str, object]]:
    """The entries of model.json's `files`: SHA-256 and size of each file and, for graphs, the files of their weights."""
    return {name: _file_entry(folder / name) for name in sorted(names)}


def _file_entry(path: Path) -> dict[str, object]:
    entry: dict[str, object] = {"sha256": _sha256(path), "bytes": path.stat().st_size}
    if path.suffix == ".onnx" and (weights := external_files(onnx.load(path, load_external_data=False).graph)):
        entry["weights"] = sorted(weights)
    return entry


def write_manifest(folder: Path, manifest: dict[str, object]) -> None:
    """Writes model.json. The file is replaced as a whole or not at all."""
    partial = folder / (MANIFEST + ".partial")
    partial.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, folder / MANIFEST)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
