"""Converts the tokenizer files of checkpoints into files that the engine reads.

The ids are the same, no tokens are added to a text, and no text becomes a structural token. The members of a tokenizer are described in
families/given.py (`Tokenizer`).
"""

from __future__ import annotations

from .hugging_face import read_hf_bpe
from .sentencepiece import read_sentencepiece, read_sentencepiece_bpe
from .tiktoken import emu3_special_tokens, read_tiktoken

__all__ = ["emu3_special_tokens", "read_hf_bpe", "read_sentencepiece", "read_sentencepiece_bpe", "read_tiktoken"]
