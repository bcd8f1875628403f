"""Lumina-mGPT 2.0 (arXiv 2507.17801): Chameleon's blocks, trained from scratch, with a finer grid of MoVQ's codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..image_decoders import ImageDecoder, Movq
from ..rotary import SequenceRotary
from ..transformer import Linear
from . import lumina
from .chameleon import DECODING, LUMINA_2_VOCABULARY
from .fields import flag
from .given import UNKNOWN_LICENSE, Given, Tokenizer, read_json
from .llama import Llama, LlamaFamily, hugging_face, read_sizes

SIZE = 768  # pixels
TOKENIZER_FILES = ("special_tokens_map.json", "tokenizer_config.json")  # the second takes precedence
FIRST_CODE, IMAGE_START, IMAGE_END, NEW_LINE = 155000, 151665, 151666, 151670


class Lumina2(LlamaFamily):
    name = "lumina2"

    @staticmethod
    def recognizes(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
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
            raise ExportError(
                f"the {codes} codes from id {first} on do not fit in the vocabulary of {sizes.vocabulary} ids: this is not Lumina-mGPT "
                "2.0."
            )
        self._first_code = first
        norm_after = flag(given.folder / "config.json", "swin_norm", given.config.get("swin_norm"))
        self.shape = self._llama.shape(codes, rotary=SequenceRotary(sizes.theta, sizes.head_dim), norm_after=norm_after)
        self.embedding, self.final_norm = [self._llama.embedding], self._llama.final_norm
        self.head = [Linear([self._llama.head().rows(first, codes)])]

    def image_decoder(self) -> ImageDecoder:
        return Movq(self._vq, "")

    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    def generation(self) -> dict[str, Any]:
        sections: dict[str, Any] = {
            "layout": {"firstCode": self._first_code, "codes": self.shape.codes, "rowSuffix": [NEW_LINE], "suffix": [IMAGE_END]},
            "license": {"id": "unknown", "commercial": False,
                        "notice": UNKNOWN_LICENSE.format(model="Lumina-mGPT 2.0")},
            # Without speculation, the published code lowers a guidance above 4 towards 4 while it draws. Its speculative loop keeps
            # guidance constant, as here; at the recommended 4 there is no difference.
            "sampling": {"guidance": 4.0, "temperature": 1.0, "topK": 4096, "topP": 1.0},
            "decoding": {**DECODING, "sequential": lumina.SEQUENTIAL},
        }
        if {"prompt", "image"} <= self._given.sections.keys():
            return sections
        if self._given.size != SIZE:
            unknown = "the size of Lumina-mGPT 2.0's pictures cannot be read from its weights"
            given = unknown if self._given.size is None else f"--size is {self._given.size}"
            raise ExportError(
                f"{given}: give --size {SIZE}, the only size that is known to be published, or prompt and image in generation.json.")
        begin = self._begin()
        turn_end, no_unit = (self._given.id(self._tokenizer, token) for token in ("<reserved08706>", "<reserved08800>"))
        sizes, pixels_per_code = lumina.sizes(SIZE), self.image_decoder().pixels_per_code
        max_text = lumina.max_text(self.shape.max_positions, SIZE, pixels_per_code, len(sections["layout"]["suffix"]))
        return {
            **sections, "prompt": lumina.prompt(begin, turn_end, IMAGE_START, no_unit, lumina.UNIT // pixels_per_code, max_text), "image": {
                "sizes": sizes},
        }

    def _begin(self) -> int:
        """The first token of a prompt: the tokenizer's bos_token or, if it has none, its eos_token, as in the published code."""
        named: dict[str, Any] = {}
        for path in map(self._given.document, TOKENIZER_FILES):
            if path.exists():
                named |= {name: token for name, token in read_json(path).items() if token is not None}
        token = named.get("bos_token", named.get("eos_token"))
        token = token.get("content") if isinstance(token, dict) else token  # an added token with its flags
        if not isinstance(token, str):
            raise ExportError(
                f"no {' or '.join(TOKENIZER_FILES)} in {self._given.folder} has a bos_token or eos_token, one of which must begin prompts: "
                "download them too, or give prompt and image in generation.json."
            )
        return self._given.id(self._tokenizer, token)
