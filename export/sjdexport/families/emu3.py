"""Emu3-Gen (arXiv 2409.18869): LLaMA blocks with grouped heads. Its vision tokenizer is published separately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..image_decoders import ImageDecoder, Movq
from ..rotary import SequenceRotary
from ..tokenizers import emu3_special_tokens, read_tiktoken
from ..transformer import Linear
from .fields import whole
from .given import UNKNOWN_LICENSE, Given, Tokenizer
from .llama import Llama, LlamaFamily, hugging_face, read_sizes

AREA = 720 * 720  # approximate pixels of a picture, if config.json has no image_area
PIXELS_PER_CODE = 8
PORT = ("model.text_model.", "text_model.")  # prefixes of names in Hugging Face's port
RATIOS = ((1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16))  # width to height
MAX_TEXT = 512  # tokens
QUALITY = " masterpiece, film grained, best quality."
# The default negative prompt of Emu3's image_generation.py (Apache-2.0).
NEGATIVE = (
    "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped, worst quality, low quality, "
    "normal quality, jpeg artifacts, signature, watermark, username, blurry."
)
# Structural tokens by their distance to the first code. They come before the codes, which are at the end of the vocabulary.
ROW_END, FRAME_END, BEGIN, END, CODES_START, IMAGE_START, IMAGE_END = -8, -7, -5, -4, -3, -2, -1
TOKENS = {
    ROW_END: "<|extra_200|>", FRAME_END: "<|extra_201|>", BEGIN: "<|extra_203|>", END: "<|extra_204|>",
    CODES_START: "<|image token|>", IMAGE_START: "<|image start|>", IMAGE_END: "<|image end|>", 0: "<|visual token 000000|>",
}


class Emu3(LlamaFamily):
    name = "emu3"

    @staticmethod
    def recognizes(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        return str(config.get("model_type", "")).lower() == "emu3"

    def __init__(self, given: Given) -> None:
        self._given = given
        if "text_config" in given.config or any(name.startswith(PORT) for name in given.checkpoint.names()):
            raise ExportError(
                f"the checkpoint in {given.folder} is Hugging Face's port of Emu3, which cannot be exported: give BAAI's own "
                "files, Emu3-Gen and "
                "--vq Emu3-VisionTokenizer."
            )
        self._llama = Llama(given.checkpoint, hugging_face(), read_sizes(given.config, given.folder / "config.json", {"theta": 1e6}))
        self._area = whole(given.folder / "config.json", "image_area", given.config.get("image_area", AREA))
        self._vq = given.open_vq("the folder of Emu3-VisionTokenizer")
        codes = self._vq.tensor("quantize.embedding.weight", None, None).shape[0]
        self._first_code = self._llama.sizes.vocabulary - codes
        if self._first_code + ROW_END < 0:
            raise ExportError(
                f"the vocabulary has {self._llama.sizes.vocabulary} ids, too few for the vision tokenizer's {codes} codes: they "
                "are not from the same model.")
        self._tokenizer = read_tiktoken(given.document("emu3.tiktoken"), emu3_special_tokens(given.document("emu3_vision_tokens.txt")))
        for distance, token in TOKENS.items():
            found, expected = self._tokenizer.id(token), self._first_code + distance
            if found not in (None, expected):
                raise ExportError(
                    f"the tokenizer has {token} at id {found}; expected {expected}: tokenizer and weights are not from the same model.")
        sizes = self._llama.sizes
        self.shape = self._llama.shape(codes, rotary=SequenceRotary(sizes.theta, sizes.head_dim))
        self.embedding, self.final_norm = [self._llama.embedding], self._llama.final_norm
        self.head = [Linear([self._llama.head().rows(self._first_code, codes)])]

    def image_decoder(self) -> ImageDecoder:
        return Movq(self._vq, "")

    def tokenizer(self) -> Tokenizer:
        return self._tokenizer

    def generation(self) -> dict[str, Any]:
        def lane(text: str) -> list[Any]:
            return [self._id(BEGIN), {"text": text}, self._id(IMAGE_START), {"text": "{rows}*{columns}"}, self._id(CODES_START)]

        return {
            # The license of the weights could not be looked up.
            "license": {"id": "unknown", "commercial": False, "notice": UNKNOWN_LICENSE.format(model="Emu3")},
            "prompt": {"conditional": lane("{prompt}" + QUALITY), "unconditional": lane("{negative}"), "negative": NEGATIVE,
                       "cleaning": None, "maxTokens": MAX_TEXT},
            "layout": {"firstCode": self._first_code, "codes": self.shape.codes, "rowSuffix": [self._id(ROW_END)],
                       "suffix": [self._id(FRAME_END), self._id(IMAGE_END), self._id(END)]},
            "image": {"sizes": [size(*ratio, self._area) for ratio in RATIOS]},
            "sampling": {"guidance": 3.0, "temperature": 1.0, "topK": 2048, "topP": 1.0},
            # The settings of arXiv 2410.01699 for this model.
            "decoding": {"method": "sjd", "window": 16, "initialization": "uniform", "sequential": {"first": 1, "last": 1}},
        }

    def _id(self, distance: int) -> int:
        return self._first_code + distance


def size(width: int, height: int, area: int = AREA) -> list[int]:
    """[width, height] in pixels of a picture with that ratio and about that area."""
    unit = (area / (width * height)) ** 0.5
    return [max(1, round(side * unit / PIXELS_PER_CODE)) * PIXELS_PER_CODE for side in (width, height)]
