"""Text and actions as tokens: text ids, then, at the end of the vocabulary, the 256 ids of action values."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from ..bpe import Tokenizer, train_merges
from .world import COLORS

PAD, BOS, EOS = 0, 1, 2
FIRST_TEXT = 3
BINS, DIMENSIONS, CHUNK = 256, 4, 5
WINDOW = DIMENSIONS * CHUNK + 1  # with the end
PROMPT = "In: What action should the robot take to {task}?\nOut:"
EDGES = np.linspace(-1, 1, BINS)
PADDING = 64  # config.json's pad_to_multiple_of: ids at the end of the embedding that mean nothing
# The ranges of the four dimensions: the moves' and lifts' limits, and 0 or 1 for a closed or an open gripper, which is not scaled.
LOW, HIGH, MASK = (-0.12, -0.12, -0.5, 0.0), (0.12, 0.12, 0.5, 1.0), (True, True, True, False)


def prompts() -> list[str]:
    return [PROMPT.format(task=f"put the {color} block on the pad") for color in COLORS]


@functools.cache
def tokenizer() -> Tokenizer:
    """Each word of the instructions is one token."""
    return Tokenizer(train_merges(prompts()), FIRST_TEXT)


@functools.cache
def vocabulary() -> int:
    """Ids without the padding."""
    text = tokenizer().size
    return (text + BINS + PADDING - 1) // PADDING * PADDING


def encode_text(instructions: list[str]) -> np.ndarray:
    """BOS and the prompts' ids [N, T]. All instructions have equally many tokens."""
    known = {text: [BOS, *tokenizer().encode(text)] for text in prompts()}
    return np.array([known[PROMPT.format(task=each)] for each in instructions])


@functools.cache
def prompt_length() -> int:
    return 1 + len(tokenizer().encode(prompts()[0]))


@functools.cache
def color_place() -> int:
    """The place of the color among a prompt's ids."""
    first, second = (tokenizer().encode(text) for text in prompts()[:2])
    return 1 + next(place for place, (one, other) in enumerate(zip(first, second)) if one != other)


def normalize(actions: np.ndarray) -> np.ndarray:
    """The simulator's actions [..., 4] as the values in [-1, 1] that tokens stand for; a closed gripper is 0, an open one 1."""
    low, high = np.array(LOW), np.array(HIGH)
    scaled = 2 * (actions - low) / (high - low) - 1
    scaled[..., 3] = actions[..., 3] <= 0
    return np.clip(scaled, -1, 1)


def encode_actions(actions: np.ndarray) -> np.ndarray:
    """The ids [N, WINDOW] of chunks [N, CHUNK, 4], with the end."""
    ids = vocabulary() - np.digitize(normalize(actions), EDGES)
    return np.concatenate([ids.reshape(len(ids), -1), np.full((len(ids), 1), EOS)], axis=1)


def decode_actions(ids: np.ndarray) -> np.ndarray:
    """Chunks [N, CHUNK, 4] as the simulator takes them, of ids [N, WINDOW]. Ids of text count as the nearest bin, as in OpenVLA."""
    bins = np.clip(vocabulary() - ids[:, : DIMENSIONS * CHUNK] - 1, 0, BINS - 2)
    centers = ((EDGES[:-1] + EDGES[1:]) / 2)[bins].reshape(-1, CHUNK, DIMENSIONS)
    low, high = np.array(LOW), np.array(HIGH)
    actions = np.where(np.array(MASK), 0.5 * (centers + 1) * (high - low) + low, centers)
    actions[..., 3] = -np.sign(2 * actions[..., 3] - 1)
    return actions


def save(folder: Path) -> None:
    tokenizer().save(folder / "tokenizer.json")
