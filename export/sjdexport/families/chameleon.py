"""Chameleon (arXiv 2405.09818): LLaMA blocks with LayerNorm on each head's queries and keys. Anole, Lumina-mGPT and the built-in model.

Under Hugging Face's names or Meta's. Meta's layout turns neighbouring channels as pairs, so its rows need no permutation, only
interleaved rotation. Lumina-mGPT (arXiv 2408.02657) comes without an image decoder and for one of three sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..image_decoders import ImageDecoder, Vqgan
from ..rotary import SequenceRotary
from ..transformer import Layer, Linear
from . import lumina
from .fields import flag, part, whole
from .given import Given, Tokenizer
from .llama import META, Llama, Sizes, head_norm_rows, hugging_face, measure, read_sizes

HUGGING_FACE = hugging_face()
VQ_PREFIX = "model.vqmodel."
TOKENIZERS = ("tokenizer.json", "text_tokenizer.json")
LICENSE = {
    "id": "chameleon-research", "commercial": False,
    "notice": "Derived from Chameleon: Chameleon Research License, non-commercial research only.",
}
DECODING = {"method": "sjd", "window": 16, "initialisation": "uniform"}
LUMINA_2_VOCABULARY = 171384  # the smallest that holds its codes


class Chameleon:
    name = "chameleon"

    @staticmethod
    def recognises(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        normed = any(f"{names.layers}0.{names.head_norms[0]}.bias" in checkpoint for names in (HUGGING_FACE, META))
        return normed and (checkpoint.shape("model.embed_tokens.weight") or (0,))[0] < LUMINA_2_VOCABULARY

    def __init__(self, given: Given) -> None:
        checkpoint, config = given.checkpoint, given.config
        self._given = given
        self._meta = f"{META.embedding}.weight" in checkpoint
        self._llama = Llama(checkpoint, META, _meta_sizes(checkpoint)) if self._meta \
            else Llama(checkpoint, HUGGING_FACE, read_sizes(config, given.folder / "config.json"))
        self._tokenizer = given.read_tokenizer(*TOKENIZERS)
        self._vq, self._vq_prefix = (checkpoint, VQ_PREFIX) if self._holds_decoder() else (given.open_vq("Chameleon's vqgan.ckpt"), "")
        codes = self._vq.tensor(f"{self._vq_prefix}quantize.embedding.weight", None, None).shape[0]
        order = code_order(self._tokenizer, codes, given.sections.get("layout"))
        self._first_code = int(order.min())
        # Structural tokens are always forced, so only the rows of image codes are ever sampled from.
        vocabulary = self._llama.sizes.vocabulary
        last = self._first_code + codes - 1
        if last >= vocabulary:
            raise ExportError(f"the layout's codes end at id {last}, past the vocabulary of {vocabulary}: correct generation.json.")
        self.shape = self._llama.shape(
            codes, rotary=SequenceRotary(self._llama.sizes.theta, self._llama.sizes.head_dim, interleaved=self._meta), norm_after=self._norm_after())
        self.final_norm = self._llama.final_norm
        in_order = bool((np.diff(order) == 1).all())
        rows = np.arange(vocabulary)
        rows[self._first_code : last + 1] = order
        self.embedding = [self._llama.embedding if in_order else self._llama.embedding.take(rows)]
        self.head = [Linear([self._llama.head().rows(self._first_code, codes) if in_order else self._llama.head().take(order)])]

    def layer(self, index: int) -> Layer:
        return self._llama.layer(index)

    def image_decoder(self) -> ImageDecoder:
        return Vqgan(self._vq, self._vq_prefix, _norm_groups(self._given.config, self._given.folder / "config.json"))

    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    def text_encoder(self) -> None:
        return None

    def generation(self) -> dict[str, Any]:
        if {"prompt", "layout", "image"} <= self._given.sections.keys():
            return {"license": LICENSE, "decoding": DECODING, "sampling": _sampling(3.0, 1.0, 2000, 1.0)}
        image_start, image_end, turn_end = (
            self._given.id(self._tokenizer, token) for token in ("<racm3:break>", "<eoss>", "<reserved08706>"))
        layout = {"firstCode": self._first_code, "codes": self.shape.codes, "rowSuffix": [], "suffix": [image_end]}
        if self._given.size is None and (self._meta or self._vq is self._given.checkpoint):
            begin = self._given.id(self._tokenizer, "<s>")
            anole = {"conditional": [begin, {"text": "{prompt}"}, turn_end, image_start], "unconditional": [begin, image_start],
                     "negative": None, "cleaning": None, "maxTokens": lumina.MOST_TEXT}
            return {"license": LICENSE, "prompt": anole, "layout": layout, "image": {"sizes": [[512, 512]]},
                    "sampling": _sampling(3.0, 0.7, 0, 0.9), "decoding": DECODING}
        return self._lumina(image_start, turn_end, layout)

    def _lumina(self, image_start: int, turn_end: int, layout: dict[str, Any]) -> dict[str, Any]:
        """Its settings with speculative Jacobi decoding as arXiv 2410.01699 publishes them; guidance as its README has it."""
        if self._given.size is None:
            raise ExportError("Lumina-mGPT's weights do not tell their size: give --size 512, 768 or 1024.")
        sizes, pixels_per_code = lumina.sizes(self._given.size), self.image_decoder().pixels_per_code
        most_text = lumina.most_text(self.shape.max_positions, self._given.size, pixels_per_code)
        begin, new_line, no_unit = (self._given.id(self._tokenizer, token) for token in ("<s>", "<reserved08799>", "<reserved08800>"))
        return {
            "license": LICENSE, "prompt": lumina.prompt(begin, turn_end, image_start, no_unit, lumina.UNIT // pixels_per_code, most_text),
            "layout": {**layout, "rowSuffix": [new_line], "suffix": [*layout["suffix"], turn_end]}, "image": {"sizes": sizes},
            "sampling": _sampling(4.0, 1.0, 2000, 1.0), "decoding": {**DECODING, "sequential": {"first": 0, "last": 10}},
        }

    def _holds_decoder(self) -> bool:
        return self._given.vq is None and any(name.startswith(f"{VQ_PREFIX}decoder.") for name in self._given.checkpoint.names())

    def _norm_after(self) -> bool:
        """In Meta's files only the larger models, whose blocks end with their norms, have several rows of head norms."""
        if self._meta:
            return len(head_norm_rows(self._given.checkpoint, f"layers.0.{META.head_norms[0]}.weight", None)) > 1
        return flag(self._given.folder / "config.json", "swin_norm", self._given.config.get("swin_norm"))


def code_order(tokenizer: Tokenizer, codes: int, layout: Mapping[str, Any] | None) -> np.ndarray:
    """The id of each code. Chameleon's vocabulary spells code 1093 as IMGIMG, its digits as the letters BAJD, and Z."""
    spelled = [tokenizer.id(f"IMGIMG{str(code).translate(str.maketrans('0123456789', 'ABCDEFGHIJ'))}Z") for code in range(codes)]
    if all(id is None for id in spelled):
        if layout is None:
            raise ExportError("the tokenizer has no tokens of image codes (IMGIMGAZ and so on): say the layout in generation.json.")
        if layout["codes"] != codes:
            raise ExportError(f"generation.json's layout has {layout['codes']} codes, and the image decoder {codes}.")
        return np.arange(layout["firstCode"], layout["firstCode"] + codes)
    missing = next((code for code, id in enumerate(spelled) if id is None), None)
    if missing is not None:
        raise ExportError(f"the tokenizer has a token for some image codes and none for {missing}, though the image decoder has {codes} codes.")
    order = np.array(spelled)
    if not np.array_equal(np.sort(order), np.arange(order.min(), order.min() + codes)):
        raise ExportError(f"the ids of the {codes} image codes in the tokenizer do not follow one another; they lie between {order.min()} and {order.max()}.")
    if layout is not None and (layout["firstCode"], layout["codes"]) != (order.min(), codes):
        raise ExportError(f"generation.json's layout has {layout['codes']} codes from {layout['firstCode']} on, the tokenizer {codes} from {order.min()} on.")
    return order


def _sampling(guidance: float, temperature: float, top_k: int, top_p: float) -> dict[str, Any]:
    return {"guidance": guidance, "temperature": temperature, "topK": top_k, "topP": top_p}


def _meta_sizes(checkpoint: Checkpoint) -> Sizes:
    """The files hold no config: sizes are measured, and what cannot be is the same in all published ones."""
    head_dim = head_norm_rows(checkpoint, f"layers.0.{META.head_norms[0]}.weight", None).shape[1]
    return Sizes(**measure(checkpoint, META, head_dim), max_positions=4096, epsilon=1e-5, theta=10000.0)


def _norm_groups(config: Mapping[str, Any], path: Path) -> int:
    """Groups of the image decoder's GroupNorm: 32 in every published checkpoint; narrower decoders say otherwise."""
    return whole(path, "vq_config.norm_groups", part(path, "vq_config", config.get("vq_config")).get("norm_groups", 32))
