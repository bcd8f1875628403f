"""Tokenizer files of checkpoints, as the files that the engine reads: the same ids, nothing added, and no text spells a structural token.

A tokenizer has `size` (its largest id and one), `id(token)` (None if there is no such token), `write(folder)` (writes its files and
returns the section `tokenizer` of model.json) and `split_specials(template)` (a template's text in pieces, and the ids of the special
tokens that it names).
"""

from __future__ import annotations

from .hugging_face import read_hf_bpe
from .sentencepiece import read_sentencepiece
from .tiktoken import emu3_special_tokens, read_tiktoken

__all__ = ["emu3_special_tokens", "read_hf_bpe", "read_sentencepiece", "read_tiktoken"]
