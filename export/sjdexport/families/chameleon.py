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
from ..transformer import Linear
from . import lumina
from .fields import flag, number, part, whole
from .given import Given, Tokenizer, read_json
from .llama import META, Llama, LlamaFamily, Sizes, head_norm_rows, hugging_face, measure, read_sizes

HUGGING_FACE = hugging_face()
VQ_PREFIX = "model.vqmodel."
TOKENIZERS = ("tokenizer.json", "text_tokenizer.json")
LICENSE = {
    "id": "chameleon-research", "commercial": False,
    # The second sentence is what the licence wants passed on.
    "notice": "Derived from Chameleon, for non-commercial research only. Chameleon is licensed under the Chameleon Research License, "
              "Copyright (c) Meta Platforms, Inc. All Rights Reserved.",
}
DECODING = {"method": "sjd", "window": 16, "initialisation": "uniform"}
ANOLE_SIZE = 512  # pixels
ANOLE = {"sampling": {"guidance": 3.0, "temperature": 0.7, "topK": 0, "topP": 0.9}, "decoding": DECODING}
# Speculative Jacobi decoding as arXiv 2410.01699 publishes it; guidance as Lumina-mGPT's README has it. The published code leaves drafts
# out in the last 10 tokens, and counts the new-line among them: counted in codes, as here, the same place is one code later.
LUMINA = {"sampling": {"guidance": 4.0, "temperature": 1.0, "topK": 2000, "topP": 1.0}, "decoding": {**DECODING, "sequential": {"first": 0, "last": 10}}}
META_PARAMETERS = ("params.json", "consolidate_params.json")
LUMINA_2_VOCABULARY = 171384  # the smallest that holds its codes


class Chameleon(LlamaFamily):
    name = "chameleon"

    @staticmethod
    def recognises(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        normed = any(f"{names.layers}0.{names.head_norms[0]}.bias" in checkpoint for names in (HUGGING_FACE, META))
        return normed and (checkpoint.shape("model.embed_tokens.weight") or (0,))[0] < LUMINA_2_VOCABULARY

    def __init__(self, given: Given) -> None:
        checkpoint, config = given.checkpoint, given.config
        self._given = given
        self._meta = f"{META.embedding}.weight" in checkpoint
        if self._meta:
            sizes, norm_after = read_meta(given)
        else:
            path = given.folder / "config.json"
            sizes, norm_after = read_sizes(config, path), flag(path, "swin_norm", config.get("swin_norm"))
        self._llama = Llama(checkpoint, META if self._meta else HUGGING_FACE, sizes)
        self._tokenizer = given.read_tokenizer(*TOKENIZERS)
        holds_decoder = any(name.startswith(f"{VQ_PREFIX}decoder.") for name in checkpoint.names())
        self._is_anole = self._meta or holds_decoder  # Lumina-mGPT is published without, under Hugging Face's names alone
        self._vq, self._vq_prefix = (checkpoint, VQ_PREFIX) if holds_decoder and given.vq is None else (given.open_vq("Chameleon's vqgan.ckpt"), "")
        codes = self._vq.tensor(f"{self._vq_prefix}quantize.embedding.weight", None, None).shape[0]
        order = code_order(self._tokenizer, codes, given.sections.get("layout"))
        self._first_code = int(order.min())
        # Structural tokens are always forced, so only the rows of image codes are ever sampled from.
        vocabulary = self._llama.sizes.vocabulary
        last = self._first_code + codes - 1
        if last >= vocabulary:
            raise ExportError(f"the layout's codes end at id {last}, past the vocabulary of {vocabulary}: correct generation.json.")
        self.shape = self._llama.shape(
            codes, rotary=SequenceRotary(self._llama.sizes.theta, self._llama.sizes.head_dim, interleaved=self._meta), norm_after=norm_after)
        self.final_norm = self._llama.final_norm
        in_order = bool((np.diff(order) == 1).all())
        rows = np.arange(vocabulary)
        rows[self._first_code : last + 1] = order
        self.embedding = [self._llama.embedding if in_order else self._llama.embedding.take(rows)]
        self.head = [Linear([self._llama.head().rows(self._first_code, codes) if in_order else self._llama.head().take(order)])]

    def image_decoder(self) -> ImageDecoder:
        return Vqgan(self._vq, self._vq_prefix, _norm_groups(self._given.config, self._given.folder / "config.json"))

    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    def generation(self) -> dict[str, Any]:
        sections = {"license": LICENSE, **(ANOLE if self._is_anole else LUMINA)}
        if {"prompt", "layout", "image"} <= self._given.sections.keys():
            return sections
        image_start, image_end, turn_end = (
            self._given.id(self._tokenizer, token) for token in ("<racm3:break>", "<eoss>", "<reserved08706>"))
        layout = {"firstCode": self._first_code, "codes": self.shape.codes, "rowSuffix": [], "suffix": [image_end]}
        if not self._is_anole:
            return {**sections, **self._lumina(image_start, turn_end, layout)}
        if self._given.size not in (None, ANOLE_SIZE):
            raise ExportError(f"--size is {self._given.size}; Anole, which these weights are, draws {ANOLE_SIZE} x {ANOLE_SIZE} pixels alone: leave --size out.")
        begin = self._given.id(self._tokenizer, "<s>")
        anole = {"conditional": [begin, {"text": "{prompt}"}, turn_end, image_start], "unconditional": [begin, image_start],
                 "negative": None, "cleaning": None, "maxTokens": lumina.MOST_TEXT}
        return {**sections, "prompt": anole, "layout": layout, "image": {"sizes": [[ANOLE_SIZE, ANOLE_SIZE]]}}

    def _lumina(self, image_start: int, turn_end: int, layout: dict[str, Any]) -> dict[str, Any]:
        if self._given.size is None:
            raise ExportError("Lumina-mGPT's weights do not tell their size: give --size 512, 768 or 1024.")
        sizes, pixels_per_code = lumina.sizes(self._given.size), self.image_decoder().pixels_per_code
        begin, new_line, no_unit = (self._given.id(self._tokenizer, token) for token in ("<s>", "<reserved08799>", "<reserved08800>"))
        suffix = [*layout["suffix"], turn_end]
        most_text = lumina.most_text(self.shape.max_positions, self._given.size, pixels_per_code, len(suffix))
        return {
            "prompt": lumina.prompt(begin, turn_end, image_start, no_unit, lumina.UNIT // pixels_per_code, most_text),
            "layout": {**layout, "rowSuffix": [new_line], "suffix": suffix}, "image": {"sizes": sizes},
        }


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


def read_meta(given: Given) -> tuple[Sizes, bool]:
    """Sizes, and whether norms are on what a block adds. Shapes tell the sizes; the rest is in files beside Meta's weights.

    Without those files it is what all 7B models have. Raises ExportError where files and weights do not belong together.
    """
    checkpoint = given.checkpoint
    norm, rows = head_norm_rows(checkpoint, f"layers.0.{META.head_norms[0]}.weight", None)
    path, measured = checkpoint.folder / META_PARAMETERS[0], measure(checkpoint, META, norm.shape[-1])
    parameters = _meta_parameters(given)
    if not parameters and rows > 1:
        raise ExportError(f"{path} is missing, and these weights are not of a 7B model, which could do without: fetch it too.")
    for key, name in (("dim", "hidden"), ("n_layers", "layers"), ("n_heads", "heads"), ("n_kv_heads", "kv_heads"), ("vocab_size", "vocabulary")):
        if parameters.get(key) not in (None, -1, measured[name]):
            raise ExportError(f"{path} has {key} {parameters[key]!r} where the weights' shapes tell {measured[name]}: they do not belong together.")
    sizes = Sizes(**measured, max_positions=4096, epsilon=number(path, "norm_eps", parameters.get("norm_eps", 1e-5)),
                  theta=number(path, "rope_theta", parameters.get("rope_theta", 10000.0)))
    return sizes, flag(path, "swin_norm", parameters.get("swin_norm"))


def _meta_parameters(given: Given) -> dict[str, Any]:
    """What both files say, one level deep or two; where they differ, the second."""
    parameters: dict[str, Any] = {}
    for path in map(given.document, META_PARAMETERS):
        if path.exists():
            content = read_json(path)
            parameters |= {**content, **part(path, "model", content.get("model"))}
    return parameters


def _norm_groups(config: Mapping[str, Any], path: Path) -> int:
    """Groups of the image decoder's GroupNorm: 32 in every published checkpoint; narrower decoders say otherwise."""
    return whole(path, "vq_config.norm_groups", part(path, "vq_config", config.get("vq_config")).get("norm_groups", 32))
