"""LlamaGen (arXiv 2406.06525): LLaMA blocks over image codes alone, that turn by row and column; conditioned on a class or on T5's vectors."""

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
NOTHING = "cls_embedding.uncond_embedding"  # what stands for no text
SIZES = (256, 384, 512)
END_OF_TEXT = 1  # T5's </s>
# Only the largest model has other heads; no file says how many.
HEAD_DIMS = {3200: 100}
HEAD_DIM = 64
DECODING = {"method": "sjd", "window": 16, "initialisation": "repeat-left", "sequential": {"first": 1, "last": 18}}
NAMES = dataclasses.replace(META, qkv=("attention.wqkv",))


class LlamaGen(LlamaFamily):
    name = "llamagen"

    @staticmethod
    def recognises(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        return CLASSES in checkpoint or NOTHING in checkpoint

    def __init__(self, given: Given) -> None:
        self._given = given
        checkpoint = given.checkpoint
        self._reads_text = NOTHING in checkpoint
        self._vq = given.open_vq("LlamaGen's vq_ds16_c2i.pt or vq_ds16_t2i.pt")
        hidden = checkpoint.tensor("tok_embeddings.weight", None, None).shape[1]
        measured = measure(checkpoint, NAMES, HEAD_DIMS.get(hidden, HEAD_DIM))
        self.size = self._find_size()
        decoder = self.image_decoder()
        side, rest = divmod(self.size, decoder.pixels_per_code)
        if rest:
            raise ExportError(f"--size is {self.size}, and a code of this image decoder is {decoder.pixels_per_code} pixels wide: give a multiple.")
        self._places = checkpoint.tensor(NOTHING, None, None).shape[0] if self._reads_text else 1
        sizes = Sizes(**measured, max_positions=self._places + side**2, epsilon=1e-5, theta=10000.0)
        self._llama = Llama(checkpoint, NAMES, sizes)
        codes = self._vq.tensor("quantize.embedding.weight", None, None).shape[0]
        if codes != sizes.vocabulary:
            raise ExportError(f"the image decoder in {self._vq.files[0]} has {codes} codes and the transformer {sizes.vocabulary}: give --vq the file of the same model.")
        # Rows of the rotary table that a short text skips must be there at the end.
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
                raise ExportError(f"generation.json's image has the size {width}x{height}, and these weights draw {self.size}x{self.size} alone: correct either.")
        codes = self.shape.codes
        if self._reads_text:
            prompt = {"conditional": [{"encoded": "prompt"}], "unconditional": [{"encoded": "nothing"}],
                      "negative": None, "cleaning": "t5-captions", "maxTokens": self._places - 1}
        else:
            classes = self.embedding[1].shape[0] - 1  # the last one is no class
            prompt = {"conditional": [{"class": codes, "of": classes}], "unconditional": [codes + classes],
                      "negative": None, "cleaning": None, "maxTokens": 1}
        return {
            "license": {"id": "MIT", "commercial": True, "notice": "LlamaGen is under the MIT licence, Copyright (c) FoundationVision."},
            **({"textEncoder": {"places": self._places, "firstId": codes, "ids": [{"text": "{prompt}"}, END_OF_TEXT]}} if self._reads_text else {}),
            "prompt": prompt,
            "layout": {"firstCode": 0, "codes": codes, "rowSuffix": [], "suffix": []},
            "image": {"sizes": [[self.size, self.size]]},
            "sampling": {"guidance": 7.5 if self._reads_text else 4.0, "temperature": 1.0, "topK": 1000 if self._reads_text else 2000, "topP": 1.0},
            # As arXiv 2410.01699 publishes them for the model that reads text.
            "decoding": DECODING,
        }

    def _find_size(self) -> int:
        """The side of the picture in pixels, which rotation depends on and only the names of the published files tell."""
        size = self._given.size
        if size is None:
            told = {int(n) for file in self._given.checkpoint.files for n in re.findall(r"\d+", file.stem) if int(n) in SIZES}
            if len(told) != 1:
                raise ExportError(f"LlamaGen's weights do not tell the size of their pictures: give --size {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]}.")
            size = told.pop()
        return size

    @functools.cached_property
    def _text(self) -> tuple[T5Encoder, Tokenizer] | tuple[None, None]:
        """What reads text is a model of its own, and opened when it is asked for."""
        if not self._reads_text:
            return None, None
        if self._given.text_encoder is None:
            raise ExportError("this LlamaGen reads text through FLAN-T5-XL: give the folder of its weights and spiece.model with --text-encoder.")
        checkpoint = open_checkpoint(self._given.text_encoder)
        return T5Encoder(checkpoint, self._given.checkpoint), read_sentencepiece(checkpoint.folder / "spiece.model")
