"""Janus-Pro (arXiv 2501.17811): a LLaMA that reads text. Small networks embed its image codes and predict them.

The embedding of a code depends only on the code, so it is exported as a table. The parts for understanding images and for writing text are
not exported.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checkpoint import Checkpoint
from ..image_decoders import ImageDecoder, Vq16
from ..rotary import SequenceRotary
from ..tensors import Computed
from ..transformer import Linear
from .fields import part, whole
from .given import Given, Tokenizer
from .llama import Llama, LlamaFamily, Names, hugging_face, measure, read_sizes


@dataclasses.dataclass(frozen=True)
class Layout:
    """The names of the parts in a file, without .weight and .bias."""

    names: Names
    embedding: str  # of image codes
    aligner: tuple[str, str]
    head: tuple[str, str]
    image_decoder: str


ORIGINAL = Layout(
    hugging_face("language_model.model.", "language_model.lm_head"), "gen_embed", ("gen_aligner.layers.0", "gen_aligner.layers.2"),
    ("gen_head.output_mlp_projector", "gen_head.vision_head"), "gen_vision_model.",
)
PORT = Layout(
    hugging_face("model.language_model.", "lm_head"), "model.generation_embeddings",
    ("model.generation_aligner.fc1", "model.generation_aligner.hidden_layers.0"),
    ("model.generation_head.proj_out", "model.generation_head.vision_head"), "model.vqmodel.",
)
HEAD_DIM = 128  # in both sizes; config.json may leave it to LLaMA's defaults
CONTEXT = 4096  # positions in training, according to the paper; config.json allows more
SIDE = 384  # pixels
MAX_TEXT = 1024  # tokens
LICENSE = "The weights are under the DeepSeek Model License 1.0. It allows commercial use; its use restrictions must be passed on."
TEMPLATE = "<|User|>: {prompt}\n\n<|Assistant|>:"
BEGIN, PAD, IMAGE_START = "<｜begin▁of▁sentence｜>", "<｜▁pad▁｜>", "<begin_of_image>"


class Janus(LlamaFamily):
    name = "janus"

    @staticmethod
    def recognizes(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        return any(f"{layout.head[1]}.weight" in checkpoint for layout in (ORIGINAL, PORT))

    def __init__(self, given: Given) -> None:
        self._given, checkpoint = given, given.checkpoint
        self._layout = PORT if f"{PORT.head[1]}.weight" in checkpoint else ORIGINAL
        path = given.folder / "config.json"
        key = "language_config" if "language_config" in given.config else "text_config"
        config, head_dim = part(path, key, given.config.get(key)), HEAD_DIM
        if {"hidden_size", "num_attention_heads"} <= config.keys():
            head_dim = max(
                1, whole(path, "hidden_size", config["hidden_size"]) // whole(path, "num_attention_heads", config["num_attention_heads"]))
        sizes = read_sizes(config, path, {**measure(checkpoint, self._layout.names, head_dim), "epsilon": 1e-6})
        sizes = dataclasses.replace(sizes, max_positions=min(sizes.max_positions, CONTEXT))
        self._llama = Llama(checkpoint, self._layout.names, sizes)
        codes = checkpoint.tensor(f"{self._layout.embedding}.weight", None, None).shape[0]
        self.shape = self._llama.shape(codes, rotary=SequenceRotary(sizes.theta, sizes.head_dim))
        self.embedding = [self._llama.embedding, Computed("codes", (codes, sizes.hidden), functools.cache(self._embed_codes))]
        self.final_norm = self._llama.final_norm
        self.head = [
            self._linear(self._layout.head[0], sizes.hidden, sizes.hidden), self._linear(self._layout.head[1], codes, sizes.hidden)]
        self._tokenizer = given.read_tokenizer("tokenizer.json")

    def image_decoder(self) -> ImageDecoder:
        return Vq16(self._given.checkpoint, self._layout.image_decoder)

    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    def generation(self) -> dict[str, Any]:
        sections = {
            "license": {"id": "deepseek-model-license-1.0", "commercial": True, "notice": LICENSE},
            "layout": {"firstCode": self._llama.sizes.vocabulary, "codes": self.shape.codes, "rowSuffix": [], "suffix": []},
            "image": {"sizes": [[SIDE, SIDE]]},
            "sampling": {"guidance": 5.0, "temperature": 1.0, "topK": 0, "topP": 1.0},
            "decoding": {"method": "sjd", "window": 16, "initialization": "uniform"},
        }
        if "prompt" in self._given.sections:
            return sections
        begin, pad, image_start = (self._given.id(self._tokenizer, token) for token in (BEGIN, PAD, IMAGE_START))
        text = [each if isinstance(each, int) else {"text": each} for each in self._tokenizer.split_specials(TEMPLATE)]
        # The unconditional lane reads as many pads as the conditional one reads tokens, and attends to them. The published processor strips
        # prompts.
        return {**sections, "prompt": {"conditional": [begin, *text, image_start], "unconditional": [begin, {"fill": pad}, image_start],
                                       "negative": None, "cleaning": "strip", "maxTokens": MAX_TEXT}}

    def _linear(self, name: str, outputs: int, inputs: int) -> Linear:
        checkpoint = self._given.checkpoint
        return Linear([checkpoint.tensor(f"{name}.weight", outputs, inputs)], [checkpoint.tensor(f"{name}.bias", outputs)])

    def _embed_codes(self) -> np.ndarray:
        """The aligner's two layers applied to the vector of each code, float32 [codes, hidden]."""
        hidden = self._llama.sizes.hidden
        vectors = self._given.checkpoint.tensor(f"{self._layout.embedding}.weight", None, None).float32()
        first = self._linear(self._layout.aligner[0], hidden, vectors.shape[1])
        second = self._linear(self._layout.aligner[1], hidden, hidden)
        matrices, biases = zip(*((linear.matrices[0].float32().T, linear.biases[0].float32()) for linear in (first, second)))
        table = np.empty((len(vectors), hidden), np.float32)
        for start in range(0, len(vectors), 1024):
            block = slice(start, start + 1024)
            table[block] = gelu(vectors[block] @ matrices[0] + biases[0]) @ matrices[1] + biases[1]
        return table


PLACES = np.linspace(-8, 8, 2**15 + 1)
PROBABILITIES = np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in PLACES])


def gelu(x: np.ndarray) -> np.ndarray:
    """GELU by the error function, float32.

    NumPy has no error function, so it is interpolated from a table, with an error of at most 1e-8.
    """
    return (x * np.interp(x, PLACES, PROBABILITIES)).astype(np.float32)
