"""Chameleon (arXiv 2405.09818): LLaMA blocks with LayerNorm on the queries and keys of each head. Anole, Lumina-mGPT and the built-in
model.

Tensors have Hugging Face's names or Meta's. In Meta's files, neighboring channels form the pairs that are rotated, so rows need no
permutation but interleaved rotation. Lumina-mGPT (arXiv 2408.02657) is published without an image decoder, and for one of three sizes.
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
    # The license requires the second sentence.
    "notice": "Derived from Chameleon, for non-commercial research only. Chameleon is licensed under the Chameleon Research License, "
              "Copyright (c) Meta Platforms, Inc. All Rights Reserved.",
}
DECODING = {"method": "sjd", "window": 16, "initialization": "uniform"}
ANOLE_SIZE = 512  # pixels
ANOLE = {"sampling": {"guidance": 3.0, "temperature": 0.7, "topK": 0, "topP": 0.9}, "decoding": DECODING}
# Guidance from Lumina-mGPT's README, decoding from the code of arXiv 2410.01699.
LUMINA = {
    "sampling": {"guidance": 4.0, "temperature": 1.0, "topK": 2000, "topP": 1.0}, "decoding": {**DECODING, "sequential": lumina.SEQUENTIAL}}
META_PARAMETERS = ("params.json", "consolidate_params.json")
LUMINA_2_VOCABULARY = 171384  # the smallest vocabulary that has all of Lumina-mGPT 2.0's codes


class Chameleon(LlamaFamily):
    name = "chameleon"

    @staticmethod
    def recognizes(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
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
        self._is_anole = self._meta or holds_decoder  # Lumina-mGPT is published without a decoder and only under Hugging Face's names
        self._vq, self._vq_prefix = (checkpoint, VQ_PREFIX) if holds_decoder and given.vq is None else (
            given.open_vq("Chameleon's vqgan.ckpt"), "")
        codes = self._vq.tensor(f"{self._vq_prefix}quantize.embedding.weight", None, None).shape[0]
        order = code_order(self._tokenizer, codes, given.sections.get("layout"))
        self._first_code = int(order.min())
        # Structural tokens are always forced, so only image codes need logits.
        vocabulary = self._llama.sizes.vocabulary
        last = self._first_code + codes - 1
        if last >= vocabulary:
            raise ExportError(f"the layout's codes end at id {last}, but the vocabulary has {vocabulary} ids: correct generation.json.")
        rotary = SequenceRotary(self._llama.sizes.theta, self._llama.sizes.head_dim, interleaved=self._meta)
        self.shape = self._llama.shape(codes, rotary=rotary, norm_after=norm_after)
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
            raise ExportError(
                f"--size is {self._given.size}, but these are Anole's weights, which only draw {ANOLE_SIZE} x {ANOLE_SIZE} pixels: omit "
                "--size."
            )
        begin = self._given.id(self._tokenizer, "<s>")
        anole = {"conditional": [begin, {"text": "{prompt}"}, turn_end, image_start], "unconditional": [begin, image_start],
                 "negative": None, "cleaning": None, "maxTokens": lumina.MAX_TEXT}
        return {**sections, "prompt": anole, "layout": layout, "image": {"sizes": [[ANOLE_SIZE, ANOLE_SIZE]]}}

    def _lumina(self, image_start: int, turn_end: int, layout: dict[str, Any]) -> dict[str, Any]:
        if self._given.size is None:
            raise ExportError("the size of Lumina-mGPT's pictures cannot be read from its weights: give --size 512, 768 or 1024.")
        sizes, pixels_per_code = lumina.sizes(self._given.size), self.image_decoder().pixels_per_code
        begin, new_line, no_unit = (self._given.id(self._tokenizer, token) for token in ("<s>", "<reserved08799>", "<reserved08800>"))
        suffix = [*layout["suffix"], turn_end]
        max_text = lumina.max_text(self.shape.max_positions, self._given.size, pixels_per_code, len(suffix))
        return {
            "prompt": lumina.prompt(begin, turn_end, image_start, no_unit, lumina.UNIT // pixels_per_code, max_text),
            "layout": {**layout, "rowSuffix": [new_line], "suffix": suffix}, "image": {"sizes": sizes},
        }


def code_order(tokenizer: Tokenizer, codes: int, layout: Mapping[str, Any] | None) -> np.ndarray:
    """The id of each code. Chameleon's name for the token of code 1093 is IMGIMG, BAJD for the digits, and Z."""
    spelled = [tokenizer.id(f"IMGIMG{str(code).translate(str.maketrans('0123456789', 'ABCDEFGHIJ'))}Z") for code in range(codes)]
    if all(id is None for id in spelled):
        if layout is None:
            raise ExportError("the tokenizer has no tokens of image codes (IMGIMGAZ and so on): give the layout in generation.json.")
        if layout["codes"] != codes:
            raise ExportError(f"the layout in generation.json has {layout['codes']} codes; expected {codes}, as the image decoder has.")
        return np.arange(layout["firstCode"], layout["firstCode"] + codes)
    missing = next((code for code, id in enumerate(spelled) if id is None), None)
    if missing is not None:
        raise ExportError(
            f"the tokenizer has tokens for some image codes but none for code {missing}; the image decoder has {codes} codes: use the "
            "model's own tokenizer."
        )
    order = np.array(spelled)
    if not np.array_equal(np.sort(order), np.arange(order.min(), order.min() + codes)):
        raise ExportError(
            f"the ids of the {codes} image codes in the tokenizer are between {order.min()} and {order.max()}; expected "
            "consecutive ids: use the model's own tokenizer.")
    if layout is not None and (layout["firstCode"], layout["codes"]) != (order.min(), codes):
        raise ExportError(
            f"the layout in generation.json has {layout['codes']} codes from id {layout['firstCode']} on; expected {codes} from id "
            f"{order.min()} on, as in the tokenizer.")
    return order


def read_meta(given: Given) -> tuple[Sizes, bool]:
    """The sizes of a model in Meta's files, and whether norms come after blocks (swin).

    Sizes come from the shapes of the tensors, all else from the parameter files beside the weights. 7B models need no such files. Raises
    ExportError if files and weights do not match.
    """
    checkpoint = given.checkpoint
    norm, rows = head_norm_rows(checkpoint, f"layers.0.{META.head_norms[0]}.weight", None)
    path, measured = checkpoint.folder / META_PARAMETERS[0], measure(checkpoint, META, norm.shape[-1])
    parameters = _meta_parameters(given)
    if not parameters and rows > 1:
        raise ExportError(f"{path} is missing, which models larger than 7B need: download it too.")
    for key, name in (
        ("dim", "hidden"), ("n_layers", "layers"), ("n_heads", "heads"), ("n_kv_heads", "kv_heads"), ("vocab_size", "vocabulary")):
        if parameters.get(key) not in (None, -1, measured[name]):
            raise ExportError(
                f"{path} has {key} {parameters[key]!r}, but the weights have {measured[name]}: they are not from the same model.")
    sizes = Sizes(**measured, max_positions=4096, epsilon=number(path, "norm_eps", parameters.get("norm_eps", 1e-5)),
                  theta=number(path, "rope_theta", parameters.get("rope_theta", 10000.0)))
    return sizes, flag(path, "swin_norm", parameters.get("swin_norm"))


def _meta_parameters(given: Given) -> dict[str, Any]:
    """The fields of both parameter files, at the top level or under `model`. The second file takes precedence."""
    parameters: dict[str, Any] = {}
    for path in map(given.document, META_PARAMETERS):
        if path.exists():
            content = read_json(path)
            parameters |= {**content, **part(path, "model", content.get("model"))}
    return parameters


def _norm_groups(config: Mapping[str, Any], path: Path) -> int:
    """The groups of the image decoder's GroupNorm: 32 in every published checkpoint. Narrower decoders give theirs in config.json."""
    return whole(path, "vq_config.norm_groups", part(path, "vq_config", config.get("vq_config")).get("norm_groups", 32))
