"""The model's tokenizer: byte-level BPE in Hugging Face's tokenizer.json, with the three special tokens of PCCoT."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sjdexport.tokenizers.hugging_face import byte_alphabet

ANSWER_PROMPT = "The answer is:"
END, BEGIN_THOUGHT, END_THOUGHT, LATENT = "<|endoftext|>", "<pcot.bot>", "<pcot.eot>", "<pcot.latent>"
# The tokens besides single bytes; Ġ stands for a space. A sign and its number are one token, so a question has one for each operation.
WORDS = ("The", "Ġanswer", "Ġis", *(f"{sign}{digit}" for sign in "Ġ+-*" for digit in range(10)))
PIECES = r"[-+*]\d| \d|\d| ?[^\d\s*+-]+|\s+|[-+*]"


class Tokenizer:
    """The ids of the 256 bytes, then of merged words, then of special tokens."""

    def __init__(self) -> None:
        self.merges = list(merges(WORDS))
        tokens = [*byte_alphabet(), *(left + right for left, right in self.merges), END, BEGIN_THOUGHT, END_THOUGHT, LATENT]
        self.ids = {token: id for id, token in enumerate(tokens)}
        self.answer_prompt = [self.ids[token] for token in ("The", "Ġanswer", "Ġis", ":")]
        self.end, self.begin_thought, self.end_thought, self.latent = (
            self.ids[token] for token in (END, BEGIN_THOUGHT, END_THOUGHT, LATENT))

    def encode(self, text: str) -> list[int]:
        """The ids of text that consists of numbers, each with the sign or the space before it, if there is one."""
        return [self.ids[piece.replace(" ", "Ġ")] for piece in re.findall(PIECES, text)]

    def file(self) -> dict[str, Any]:
        """The content of tokenizer.json."""
        specials = {END, BEGIN_THOUGHT, END_THOUGHT, LATENT}
        return {
            "version": "1.0", "truncation": None, "padding": None, "normalizer": None,
            "added_tokens": [
                {"id": self.ids[token], "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                 "special": True} for token in (END, BEGIN_THOUGHT, END_THOUGHT, LATENT)],
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": PIECES}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {
                "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                "fuse_unk": False, "byte_fallback": False,
                "vocab": {token: id for token, id in self.ids.items() if token not in specials},
                "merges": [" ".join(pair) for pair in self.merges],
            },
        }


def merges(words: Iterable[str]) -> Iterable[tuple[str, str]]:
    """The merges that build each word from left to right."""
    seen = set()
    for word in words:
        for end in range(1, len(word)):
            pair = (word[:end], word[end])
            if pair not in seen:
                seen.add(pair)
                yield pair
