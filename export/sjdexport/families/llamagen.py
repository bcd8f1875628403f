"""LlamaGen (arXiv 2406.06525): LLaMA blocks over image codes, rotated by row and column, and conditioned on a class or on T5's vectors."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any

from ..checkpoint import Checkpoint, open_checkpoint
from ..errors import ExportError
from ..image_decoders import ImageDecoder, Vq16
from ..rotary import GridRotary
from ..text_encoder import T5Encoder
from ..tokenizers import read_sentencepiece
from ..transformer import Linear
from .given import Given, Tokenizer
from .llama import META, Llama, LlamaFamily, Sizes, measure

CLASSES = "cls_embedding.embedding_table.weight"
NOTHING = "cls_embedding.uncond_embedding"  # in place of a text, for guidance
SIZES = (256, 384, 512)
END_OF_TEXT = 1  # T5's </s>
# by hidden size, from the published code; no file has them
HEAD_DIMS = {768: 64, 1024: 64, 1280: 64, 1536: 64, 2048: 64, 2560: 64, 3200: 100, 4096: 128}
# The settings of arXiv 2410.01699 for the model that reads text.
DECODING = {"method": "sjd", "window": 16, "initialization": "repeat-left", "sequential": {"first": 1, "last": 18}}
NAMES = dataclasses.replace(META, qkv=("attention.wqkv",))


class LlamaGen(LlamaFamily):
    name = "llamagen"

    @staticmethod
    def recognizes(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        return CLASSES in checkpoint or NOTHING in checkpoint

    def __init__(self, given: Given) -> None:
        self._given = given
        checkpoint = given.checkpoint
        self._reads_text = NOTHING in checkpoint
        self._vq = given.open_vq("LlamaGen's vq_ds16_c2i.pt or vq_ds16_t2i.pt")
        hidden = checkpoint.tensor("tok_embeddings.weight", None, None).shape[1]
        if hidden not in HEAD_DIMS:
            raise ExportError(
                f"the transformer is {hidden} wide; expected {', '.join(map(str, HEAD_DIMS))}: the head size of other LlamaGen "
                "models is not known.")
        measured = measure(checkpoint, NAMES, HEAD_DIMS[hidden])
        self.size = self._find_size()
        decoder = self.image_decoder()
        side, rest = divmod(self.size, decoder.pixels_per_code)
        if rest:
            raise ExportError(
                f"--size is {self.size}; expected a multiple of {decoder.pixels_per_code}, the pixels of an image code along one side.")
        self._places = checkpoint.tensor(NOTHING, None, None).shape[0] if self._reads_text else 1
        sizes = Sizes(**measured, max_positions=self._places + side**2, epsilon=1e-5, theta=10000.0)
        self._llama = Llama(checkpoint, NAMES, sizes)
        codes = self._vq.tensor("quantize.embedding.weight", None, None).shape[0]
        if codes != sizes.vocabulary:
            raise ExportError(
                f"the image decoder in {self._vq.files[0]} has {codes} codes and the transformer {sizes.vocabulary}: give the same "
                "model's file as --vq.")
        # A short text skips rows at the start of the rotary table, so as many spare rows follow at the end.
        rotary = GridRotary(sizes.theta, sizes.head_dim, side, self._places, spare=self._places if self._reads_text else 0)
        self.shape = self._llama.shape(codes, rotary=rotary, encoded_text=self._reads_text)
        self.embedding = [self._llama.tensor(NAMES.embedding, codes, sizes.hidden)]
        if not self._reads_text:
            self.embedding.append(checkpoint.tensor(CLASSES, None, sizes.hidden))
        self.final_norm = self._llama.final_norm
        self.head = [Linear([self._llama.tensor(NAMES.head, codes, sizes.hidden)])]

    def image_decoder(self) -> ImageDecoder:
        return Vq16(self._vq, "", rounded=True)

    def tokenizer(self) -> Tokenizer | None:
        return self._text[1]

    def text_encoder(self) -> T5Encoder | None:
        return self._text[0]

    def generation(self) -> dict[str, Any]:
        for width, height in self._given.sections.get("image", {"sizes": []})["sizes"]:
            if (width, height) != (self.size, self.size):
                raise ExportError(
                    f"the section image of generation.json has the size {width}x{height}; expected only {self.size}x{self.size}, the size "
                    "of these weights."
                )
        codes = self.shape.codes
        encoder: dict[str, Any] = {}
        if self._reads_text:
            encoder["textEncoder"] = {"places": self._places, "firstId": codes, "ids": [{"text": "{prompt}"}, END_OF_TEXT]}
            prompt = {"conditional": [{"encoded": "prompt"}], "unconditional": [{"encoded": "nothing"}],
                      "negative": None, "cleaning": "t5-captions", "maxTokens": self._places - 1}
        else:
            classes = self.embedding[1].shape[0] - 1  # the last row is for guidance
            prompt = {"conditional": [{"class": codes, "of": classes}], "unconditional": [codes + classes],
                      "negative": None, "cleaning": None, "maxTokens": 1}
        return {
            "license": {"id": "MIT", "commercial": True, "notice": "LlamaGen is under the MIT license, Copyright (c) FoundationVision."},
            **encoder,
            "prompt": prompt,
            "layout": {"firstCode": 0, "codes": codes, "rowSuffix": [], "suffix": []},
            "image": {"sizes": [[self.size, self.size]]},
            "sampling": {
                "guidance": 7.5 if self._reads_text else 4.0, "temperature": 1.0, "topK": 1000 if self._reads_text else 2000, "topP": 1.0},
            "decoding": DECODING,
        }

    def _find_size(self) -> int:
        """The side of the picture in pixels. The rotation depends on it, and only the names of the published files contain it."""
        size = self._given.size
        if size is None:
            named = {int(n) for file in self._given.checkpoint.files for n in re.findall(r"\d+", file.stem) if int(n) in SIZES}
            if len(named) != 1:
                raise ExportError(
                    "the size of LlamaGen's pictures cannot be read from its weights: give --size "
                    f"{', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]}.")
            size = named.pop()
        return size

    @functools.cached_property
    def _text(self) -> tuple[T5Encoder, Tokenizer] | tuple[None, None]:
        """The text encoder and its tokenizer, which are opened at first use; None twice for models that read no text."""
        if not self._reads_text:
            return None, None
        if self._given.text_encoder is None:
            raise ExportError(
                "this LlamaGen model reads text through FLAN-T5-XL: give the folder with its weights and spiece.model as --text-encoder.")
        checkpoint = open_checkpoint(self._given.text_encoder)
        return T5Encoder(checkpoint, self._given.checkpoint), read_sentencepiece(checkpoint.folder / "spiece.model")
