"""Where the exporter and the engine meet: the files of a model folder, the graphs' inputs and outputs, and model.json."""

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
QUANTISATION = "quantisation.json"
OWN = re.compile(r"transformer\.[a-z0-9-]+(\.tree|\.x\d+)?\.(onnx|data)|(image_decoder|tokenizer|text_encoder)\.(onnx|data)|quantisation\.json"
                 r"|tokenizer\.(vocabulary\.json|merges\.txt|tiktoken|spiece\.model)")


def is_own(name: str) -> bool:
    """Whether the exporter gives files this name; others in a model folder may be the user's."""
    return OWN.fullmatch(name) is not None


def transformer_graph(precision: str, pictures: int = 1, tree: bool = False) -> str:
    """One picture's lanes, those of several pictures, or one picture's whose new tokens may form a tree."""
    return f"transformer.{precision}{'.tree' if tree else ''}{f'.x{pictures}' if pictures > 1 else ''}.onnx"


# transformer.*.onnx: S new tokens of all lanes, R wanted rows, M cache slots
INPUT_IDS = "input_ids"  # int64 [1, S], one lane after another
LANE_LENGTHS = "lane_lengths"  # int64 [lanes], sums to S
LOGITS_ROWS = "logits_rows"  # int64 [R], rows of S
LOGITS = "logits"  # float32 [1, R, codes]
# Where there is a text encoder
CONDITION = "condition"  # float32 [C, hidden], what the text encoder made of the prompt: ids past the embedding are its rows
POSITION_OFFSET = "position_offset"  # int64 [1], how many rotary positions a sequence skips at its start
# Where the model reads noise (denoising.py); N is S, or 1 for a Run in which it reads none
NOISY_EMBEDDINGS = "noisy_embeddings"  # float32 [1, N, hidden], normalised: what DENOISED_EMBEDDINGS said in the pass before, or noise
DENOISING = "denoising"  # float32 [1, N, 3]: DENOISING_FIELDS of each row, all 0 for one that is no noise
DENOISING_FIELDS = ("keep", "add", "level")  # the factor of the embedding before, that of the id's own, and the level
DENOISED_EMBEDDINGS = "denoised_embeddings"  # float32 [1, S, hidden], normalised


def seqlens_k(lane: int) -> str:
    """int32 [1]: the lane's length after this Run, less one (GroupQueryAttention counts so)."""
    return f"seqlens_k.{lane}"


def total_sequence_length(lane: int) -> str:
    """int32 scalar: the lane's length after this Run."""
    return f"total_sequence_length.{lane}"


def position_ids(lane: int) -> str:
    """int64 [1, S of the lane], in graphs of trees only: the position of each new token, which its place in the cache no longer tells."""
    return f"position_ids.{lane}"


def attention_bias(lane: int) -> str:
    """float32 [1, 1, S of the lane, S of the lane], in graphs of trees only: 0 where a new token sees another, -inf where not."""
    return f"attention_bias.{lane}"


# A tree's new tokens take more places in the cache than positions; ONNX Runtime wants a rotation for each place.
MOST_BRANCHES = 1024


def past(layer: int, lane: int, part: str) -> str:
    """[1, kv heads, M, head dim]; part is "key" or "value"."""
    return f"past.{layer}.{lane}.{part}"


def present(layer: int, lane: int, part: str) -> str:
    """Bound to the same memory as `past`."""
    return f"present.{layer}.{lane}.{part}"


# image_decoder.onnx
CODES = "codes"  # int64 [1, h, w], codebook indices
RGB = "rgb"  # uint8 [1, H, W, 3]

# In the graphs' metadata_props, for the engine to compare with model.json
METADATA_IDS = "sjdonnx.ids"  # of the transformer and of the text encoder: rows of the embedding
METADATA_POSITIONS = "sjdonnx.max_positions"  # of the transformer: the longest sequence, prompt included
METADATA_PLACES = "sjdonnx.places"  # of the text encoder: the most tokens it reads
METADATA_CODES = "sjdonnx.codes"  # of the image decoder: rows of the codebook
METADATA_PIXELS = "sjdonnx.pixels_per_code"  # of the image decoder

# text_encoder.onnx
IDS = "ids"  # int64 [1, n], without begin- and end-of-sequence ids


def file_entries(folder: Path, names: list[str]) -> dict[str, dict[str, object]]:
    """SHA-256 and size of the files, and the files of a graph's weights, as model.json lists them."""
    return {name: _file_entry(folder / name) for name in sorted(names)}


def _file_entry(path: Path) -> dict[str, object]:
    entry: dict[str, object] = {"sha256": _sha256(path), "bytes": path.stat().st_size}
    if path.suffix == ".onnx" and (weights := external_files(onnx.load(path, load_external_data=False).graph)):
        entry["weights"] = sorted(weights)
    return entry


def write_manifest(folder: Path, manifest: dict[str, object]) -> None:
    """Writes model.json; the file appears whole or not at all."""
    partial = folder / (MANIFEST + ".partial")
    partial.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(partial, folder / MANIFEST)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
