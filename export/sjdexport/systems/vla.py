"""Vision-language-action models: OpenVLA (arXiv 2406.09246) and LLaVA-shaped ones, as CEED-VLA (arXiv 2506.13725) decodes them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..families.fields import part, whole
from ..families.given import UNKNOWN_LICENSE, Given, Tokenizer
from ..families.llama import Llama, Sizes, hugging_face, read_sizes
from ..graph import FLOAT, UINT8, Graph
from ..padding import with_wide_heads
from ..precision import PRECISIONS
from ..progress import Progress
from ..rotary import SequenceRotary
from ..tokenizers import read_hf_bpe, read_sentencepiece_bpe
from ..transformer import Layer, Linear, Shape, TransformerGraph, Variant
from ..weights import Weights
from .towers import find_towers

VISION = "policy.vision.onnx"
PIXELS, PATCHES = "pixels", "patches"  # uint8 [1, side, side, 3] to float32 [patches, hidden]
# The defaults of Hugging Face's LlamaConfig, which writes only what differs from them.
LLAMA = {
    "hidden": 4096, "inner": 11008, "layers": 32, "heads": 32, "vocabulary": 32000, "max_positions": 2048, "epsilon": 1e-6,
    "theta": 10000.0,
}
OPENVLA_PROMPT = ("{image}In: What action should the robot take to {instruction}?\nOut:", True)  # and whether instructions are lowercased
LLAVA_PROMPT = ("USER: {image}\n{instruction} ASSISTANT:", False)
EMPTY = "▁"  # Llama's token 29871; OpenVLA's prompts end with it
BINS = 256
GRIPPERS = ("none", "libero")
OWN = "sjdonnx"  # the object in config.json for settings that official files leave to programs


def graph_file(precision: str) -> str:
    return f"policy.{precision}.onnx"


class Vla:
    """A language model whose prompt has a picture's patches in it, and whose answer is actions."""

    name = "vla"
    precisions = tuple(PRECISIONS)

    def __init__(self, given: Given) -> None:
        self._given, self._path, config = given, given.folder / "config.json", given.config
        self._own = part(self._path, OWN, config.get(OWN))
        self._sizes = read_sizes(part(self._path, "text_config", config.get("text_config")) or {"vocab_size": None}, self._path, LLAMA)
        self._language = Language(given.checkpoint, self._sizes)
        self._towers = find_towers(given.checkpoint, config, self._path, self._own, self._sizes.hidden)
        self._tokenizer = read_tokenizer(given)
        self._actions = self._read_actions(config)
        self._prompt = self._read_prompt(config)

    @staticmethod
    def recognizes(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        return "language_model.model.embed_tokens.weight" in checkpoint and (
            "projector.fc1.weight" in checkpoint or "multi_modal_projector.linear_1.weight" in checkpoint)

    def parts(self, precisions: tuple[str, ...]) -> int:
        return len(precisions) * self._sizes.layers + 2

    def write(self, folder: Path, precisions: tuple[str, ...], progress: Progress) -> dict[str, Any]:
        graph = Graph("policy_vision")
        self._build_vision(graph, Weights(graph, folder / "policy.vision.data"))
        graph.save(folder / VISION)
        progress.advance(VISION)
        progress.done(f"{VISION}: {self._towers.description}")

        source = with_wide_heads(self._language)
        for precision in precisions:
            graph, name = Graph("policy"), graph_file(precision)
            weights = Weights(graph, folder / f"policy.{precision}.data")
            kind = PRECISIONS[precision].on(graph, weights, 32)
            TransformerGraph([Variant(graph, 1)], weights, kind, source).build(lambda: progress.advance(name))
            graph.save(folder / name)
            progress.done(f"{name}: {source.shape.layers} layers")
        tokenizer = self._tokenizer.write(folder)
        progress.advance("tokenizer")
        progress.done(f"tokenizer: {self._tokenizer.size} tokens")
        notice = UNKNOWN_LICENSE.format(model="OpenVLA")
        return {
            "kind": "policy",
            "license": self._given.sections.get("license") or {"id": "unknown", "commercial": False, "notice": notice},
            "vision": {
                "graph": VISION, "side": self._towers.side, "patches": self._towers.patches, "keptArea": self._own.get("kept_area", 1.0)},
            "transformer": {
                "layers": source.shape.layers, "kvHeads": source.shape.kv_heads, "headDim": source.shape.head_dim,
                "hidden": source.shape.hidden, "vocabulary": source.shape.codes, "maxPositions": source.shape.max_positions,
                "precisions": {each: {"graph": graph_file(each), "cache": PRECISIONS[each].cache} for each in precisions},
                "defaultPrecision": precisions[0],
            },
            "tokenizer": tokenizer,
            "prompt": self._prompt,
            "actions": self._actions,
        }

    def _build_vision(self, graph: Graph, weights: Weights) -> None:
        side = self._towers.side
        pixels = graph.node("Cast", "pixels.float", [graph.input(PIXELS, UINT8, [1, side, side, 3])], to=FLOAT)
        planes = graph.node("Transpose", "pixels.planes", [pixels], perm=[0, 3, 1, 2])
        unit = graph.node("Mul", "pixels.unit", [planes, graph.constant(np.float32(1 / 255))])
        features = self._towers.build(graph, weights, unit)
        graph.node("Squeeze", PATCHES, [features, graph.constant(np.array([0]))])
        graph.output(PATCHES, FLOAT, [self._towers.patches, self._sizes.hidden])

    def _read_prompt(self, config: Mapping[str, Any]) -> dict[str, Any]:
        text, lowercase = OPENVLA_PROMPT if self._towers.is_openvla else LLAVA_PROMPT
        begin = part(self._path, "text_config", config.get("text_config")).get("bos_token_id")
        begin = 1 if begin is None else begin  # as in LlamaConfig
        end = self._tokenizer.id(EMPTY) if self._towers.is_openvla else None
        return {"begin": begin, "text": text, "lowercase": lowercase, "end": end}

    def _read_actions(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """How ids become numbers. The ids of the bins are the last of the vocabulary without its padding."""
        key, action = self._statistics(config)
        low, high = (self._numbers(key, action, name) for name in ("q01", "q99"))
        mask = action.get("mask")
        mask = [True] * len(low) if mask is None else mask
        if not (isinstance(mask, list) and len(mask) == len(low) == len(high) and all(isinstance(each, bool) for each in mask)):
            raise ExportError(
                f"{self._path}: norm_stats.{key}.action has {len(low)} values in q01, {len(high)} in q99 and the mask {mask!r}; expected "
                "lists of equal length, and a mask of true and false.")
        if wrong := [i for i, (a, b) in enumerate(zip(low, high)) if not a < b and mask[i]]:
            raise ExportError(
                f"{self._path}: norm_stats.{key}.action has q01 {low[wrong[0]]} and q99 {high[wrong[0]]}; expected q01 < q99.")
        padding = config.get("pad_to_multiple_of", 64 if self._towers.is_openvla else 0)
        if not isinstance(padding, int) or isinstance(padding, bool) or not 0 <= padding <= self._sizes.vocabulary - BINS:
            raise ExportError(
                f"{self._path}: pad_to_multiple_of is {padding!r}; expected an integer from 0 to {self._sizes.vocabulary - BINS}, so that "
                f"{BINS} ids of actions are left.")
        bins = config.get("n_action_bins", BINS)
        if bins != BINS:
            raise ExportError(f"{self._path}: n_action_bins is {bins!r}; expected {BINS}, the only number that can be exported.")
        gripper = self._given.gripper or self._own.get("gripper", "none")
        if gripper not in GRIPPERS:
            raise ExportError(f"the gripper convention is {gripper!r}; expected {' or '.join(GRIPPERS)}: correct --gripper.")
        text = part(self._path, "text_config", config.get("text_config"))
        end = text.get("eos_token_id")
        return {
            "dataset": key,
            "chunk": whole(
                self._path, "the chunk (--chunk)", self._own.get("chunk", 1) if self._given.chunk is None else self._given.chunk),
            "end": 2 if end is None else end, "endOfBins": self._sizes.vocabulary - padding, "bins": BINS,
            "low": low, "high": high, "mask": mask, "gripper": gripper,
            **({"world": self._own["world"]} if "world" in self._own else {}),
        }

    def _statistics(self, config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        statistics = part(self._path, "norm_stats", config.get("norm_stats"))
        names = ", ".join(sorted(statistics))
        if not statistics:
            raise ExportError(f"{self._path} has no norm_stats, the ranges of the actions: give the config.json of a trained policy.")
        key = self._given.unnorm_key
        if key is None and len(statistics) > 1:
            raise ExportError(f"{self._path} has action statistics of {len(statistics)} data sets: choose one with --unnorm-key: {names}.")
        key = next(iter(statistics)) if key is None else key
        if key not in statistics:
            raise ExportError(f"--unnorm-key is '{key}'; {self._path} has action statistics of {names}.")
        where = f"norm_stats.{key}"
        return key, part(self._path, f"{where}.action", part(self._path, where, statistics[key]).get("action"))

    def _numbers(self, key: str, action: Mapping[str, Any], name: str) -> list[float]:
        values = action.get(name)
        if not isinstance(values, list) or not 0 < len(values) <= 256 or not all(
                isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e30 for value in values):
            raise ExportError(f"{self._path}: norm_stats.{key}.action.{name} is {values!r}; expected a list of 1 to 256 finite numbers.")
        return [float(value) for value in values]


class Language:
    """The Llama as the transformer's graph reads it. Ids past the embedding are the picture's patches."""

    def __init__(self, checkpoint: Checkpoint, sizes: Sizes) -> None:
        self._llama = Llama(checkpoint, hugging_face("language_model.model.", "language_model.lm_head"), sizes)
        self.shape: Shape = self._llama.shape(sizes.vocabulary, rotary=SequenceRotary(sizes.theta, sizes.head_dim), encoded_text=True)
        self.embedding, self.final_norm = [self._llama.embedding], self._llama.final_norm
        self.head = [Linear([self._llama.head()])]

    def layer(self, index: int) -> Layer:
        return self._llama.layer(index)


def read_tokenizer(given: Given) -> Tokenizer:
    """tokenizer.model, which is Llama's own, or else a byte-level tokenizer.json."""
    names = {"tokenizer.model": read_sentencepiece_bpe, "tokenizer.json": functools.partial(read_hf_bpe, structure_ids=())}
    for name, read in names.items():
        if (path := given.folder / name).is_file():
            given.read.append(path)
            return read(path)
    raise ExportError(f"{given.folder} has no {' or '.join(names)}: put the policy's tokenizer next to its weights.")
