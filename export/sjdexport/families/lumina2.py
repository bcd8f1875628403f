"""Lumina-mGPT 2.0 (arXiv 2507.17801): Chameleon's blocks, trained from scratch, over a finer grid of MoVQ's codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..image_decoders import ImageDecoder, Movq
from ..rotary import SequenceRotary
from ..transformer import Layer, Linear
from . import lumina
from .chameleon import DECODING, LUMINA_2_VOCABULARY
from .fields import flag
from .given import Given, Tokenizer
from .llama import Llama, hugging_face, read_sizes

FIRST_CODE, IMAGE_START, IMAGE_END, NEW_LINE = 155000, 151665, 151666, 151670


class Lumina2:
    name = "lumina2"

    @staticmethod
    def recognises(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        normed = "model.layers.0.self_attn.q_norm.bias" in checkpoint
        return normed and (checkpoint.shape("model.embed_tokens.weight") or (0,))[0] >= LUMINA_2_VOCABULARY

    def __init__(self, given: Given) -> None:
        self._given = given
        self._llama = Llama(given.checkpoint, hugging_face(), read_sizes(given.config, given.folder / "config.json"))
        self._tokenizer = given.read_tokenizer("tokenizer.json")
        self._vq = given.open_vq("Lumina-mGPT 2.0's movqgan_270M.ckpt")
        codes = self._vq.tensor("quantize.embedding.weight", None, None).shape[0]
        first = given.sections.get("layout", {"firstCode": FIRST_CODE})["firstCode"]
        sizes = self._llama.sizes
        if first + codes > sizes.vocabulary:
            raise ExportError(f"the {codes} codes from id {first} on end past the vocabulary of {sizes.vocabulary}: this is not Lumina-mGPT 2.0.")
        self._first_code = first
        self.shape = self._llama.shape(codes, rotary=SequenceRotary(sizes.theta, sizes.head_dim), norm_after=flag(given.folder / "config.json", "swin_norm", given.config.get("swin_norm")))
        self.embedding, self.final_norm = [self._llama.embedding], self._llama.final_norm
        self.head = [Linear([self._llama.head().rows(first, codes)])]

    def layer(self, index: int) -> Layer:
        return self._llama.layer(index)

    def image_decoder(self) -> ImageDecoder:
        return Movq(self._vq, "")

    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    def text_encoder(self) -> None:
        return None

    def generation(self) -> dict[str, Any]:
        sections: dict[str, Any] = {
            "license": {"id": "unknown", "commercial": False,
                        "notice": "Lumina-mGPT 2.0's code is under the Apache License 2.0; see the licence on the page that the weights were downloaded from."},
            "sampling": {"guidance": 4.0, "temperature": 1.0, "topK": 4096, "topP": 1.0}, "decoding": DECODING,
        }
        if {"prompt", "layout", "image"} <= self._given.sections.keys():
            return sections
        if self._given.size is None:
            raise ExportError("Lumina-mGPT 2.0's weights do not tell their size: give --size 512, 768 or 1024.")
        begin = self._given.config.get("bos_token_id")
        if begin is None:  # as its code does where the tokenizer has none
            begin = self._given.config.get("eos_token_id")
        if not isinstance(begin, int):
            raise ExportError("config.json has neither bos_token_id nor eos_token_id, one of which begins a prompt: say prompt, layout and image in generation.json.")
        turn_end, no_unit = (self._given.id(self._tokenizer, token) for token in ("<reserved08706>", "<reserved08800>"))
        sizes, pixels_per_code = lumina.sizes(self._given.size), self.image_decoder().pixels_per_code
        most_text = lumina.most_text(self.shape.max_positions, self._given.size, pixels_per_code, ends=1)
        return {
            **sections, "prompt": lumina.prompt(begin, turn_end, IMAGE_START, no_unit, lumina.UNIT // pixels_per_code, most_text),
            "layout": {"firstCode": self._first_code, "codes": self.shape.codes, "rowSuffix": [NEW_LINE], "suffix": [IMAGE_END]},
            "image": {"sizes": sizes},
        }
