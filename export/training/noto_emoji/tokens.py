"""The model's vocabulary and its text tokenizer, in which every word of a caption is one token."""

from __future__ import annotations

import itertools

from ..bpe import Tokenizer, train_merges
from ..vocabulary import Vocabulary
from .alphabet import BACKGROUNDS, GLYPHS
from .scenes import Scene

VOCABULARY = Vocabulary(codes=1024)


def captions() -> list[str]:
    """Captions that together contain every word, also with a capital first letter."""
    count = len(GLYPHS)
    scenes = [Scene("one", (g,), b) for g in range(count) for b in BACKGROUNDS]
    scenes += [Scene("four", (g,), b) for g in range(count) for b in BACKGROUNDS]
    for layout, step in itertools.product(("side", "stack"), (1, 7, 31)):
        scenes += [Scene(layout, (g, (g + step) % count), b) for g in range(count) for b in BACKGROUNDS]
    plain = [scene.caption for scene in scenes]
    return plain + [caption[0].upper() + caption[1:] for caption in plain]


def train_tokenizer() -> Tokenizer:
    return Tokenizer(train_merges(captions()), VOCABULARY.first_text)
