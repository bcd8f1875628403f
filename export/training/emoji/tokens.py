"""The model's vocabulary and its text tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..bpe import Tokenizer, train_merges
from ..vocabulary import Vocabulary
from .autoencoder import AutoencoderConfig
from .captions import caption
from .scenes import random_scene

VOCABULARY = Vocabulary(AutoencoderConfig().codes)
MERGES = 3000
CAPTIONS = 60000  # that the merges are trained on


def sample_captions(count: int) -> list[str]:
    """Captions of scenes to train on, the same in every call."""
    random = np.random.default_rng(0)
    return [caption(random_scene(random), random) for _ in range(count)]


def train_tokenizer(captions: int = CAPTIONS, merges: int = MERGES) -> Tokenizer:
    return Tokenizer(train_merges(sample_captions(captions), merges), VOCABULARY.first_text)


def load_tokenizer(folder: Path) -> Tokenizer:
    """The text tokenizer of a training folder. It is trained first if the folder has none."""
    path = folder / "tokenizer.json"
    if not path.exists():
        train_tokenizer().save(path)
    return Tokenizer.load(path, VOCABULARY.first_text)
