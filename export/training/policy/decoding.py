"""The decodings of docs/actions.md on batches: greedy one by one, and by Jacobi iteration with all iterates."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import tokens
from .model import Policy
from .world import Tables

Caches = list[list[Tensor]]


@torch.no_grad()
def prefill(model: Policy, pictures: np.ndarray, text: Tensor) -> tuple[Tensor, Caches]:
    """The first action token [N], which is exact, and the caches of the prompt."""
    caches = model.new_caches()
    logits = model.logits(model.prompt(torch.from_numpy(pictures), text), 1, caches)
    return logits[:, 0].argmax(dim=1), caches


@torch.no_grad()
def greedy(model: Policy, first: Tensor, caches: Caches) -> Tensor:
    """The window's ids [N, WINDOW], one by one."""
    ids, caches = [first], [list(layer) for layer in caches]
    for _ in range(tokens.WINDOW - 1):
        ids.append(model.logits(model.embed(ids[-1])[:, None], 1, caches)[:, 0].argmax(dim=1))
    return torch.stack(ids, dim=1)


@torch.no_grad()
def jacobi(model: Policy, first: Tensor, caches: Caches, text: Tensor, random: np.random.Generator) -> list[Tensor]:
    """All iterates [N, WINDOW], from random text ids to the fixed point of the slowest row."""
    n, spread = len(first), tokens.WINDOW - 1
    start = torch.from_numpy(random.integers(0, text.shape[1], (n, spread)))
    iterates = [torch.cat([first[:, None], text.gather(1, start)], dim=1)]
    while True:
        logits = model.logits(model.embed(iterates[-1]), tokens.WINDOW, [list(layer) for layer in caches])
        following = torch.cat([first[:, None], logits[:, :-1].argmax(dim=2)], dim=1)
        if torch.equal(following, iterates[-1]):
            return iterates
        iterates.append(following)


def episodes(model: Policy, count: int, seed: int, chunks: int = 12) -> tuple[float, float]:
    """The share of tasks that greedy decoding does within so many chunks, and the mean number of chunks of these."""
    tables = Tables.random(count, np.random.default_rng(seed))
    text = torch.from_numpy(tokens.encode_text(tables.instructions()))
    ended = np.zeros(count, int)
    for chunk in range(1, chunks + 1):
        first, caches = prefill(model, tables.pictures(), text)
        acted = tokens.decode_actions(greedy(model, first, caches).numpy())
        for step in range(tokens.CHUNK):
            tables.step(acted[:, step], ended == 0)
            ended[tables.done() & (ended == 0)] = chunk
    return float((ended > 0).mean()), float(ended[ended > 0].mean()) if (ended > 0).any() else float("nan")
