"""Drives a transformer's graph as the engine does: lanes, caches that are updated in place, rollback by shorter lengths."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from sjdexport import contract

from .runner import Runner

Noise = tuple[np.ndarray, np.ndarray]  # the previous embeddings [N, hidden], and contract.DENOISING_FIELDS of each row [N, 3]


class Lanes:
    """The state of decoding one picture or several: the number of cached tokens of each lane."""

    _made = itertools.count()

    def __init__(
        self, runner: Runner, session: str, manifest: dict, precision: str, slots: int = 64, pictures: int = 1,
        inputs: Mapping[str, np.ndarray] | None = None, count: int | None = None,
    ) -> None:
        """`count` lanes, by default those of the pictures.

        `inputs` are passed to the graph in every run. `denoised` [S, hidden] belongs to the last run, if the model reads noise.
        """
        shape = manifest["transformer"]
        self.count: int = count or shape["lanes"] * pictures
        self.lengths = [0] * self.count
        self.denoised: np.ndarray | None = None
        self._runner, self._session, self._always = runner, session, inputs or {}
        self._hidden: int | None = manifest.get("denoising", {}).get("hidden")
        dtype = {"float32": "float", "float16": "float16"}[shape["precisions"][precision]["cache"]]
        keys = [(i, lane, part) for i in range(shape["layers"]) for lane in range(self.count) for part in ("key", "value")]
        own = next(self._made)
        self._inputs = {contract.past(*key): f"{own}.{contract.past(*key)}" for key in keys}
        self._outputs = {contract.present(*key): self._inputs[contract.past(*key)] for key in keys}
        for buffer in self._inputs.values():
            runner.buffer(buffer, dtype, [1, shape["kvHeads"], slots, shape["headDim"]])

    def run(self, tokens: Sequence[Sequence[int]], rows: Sequence[int] | None = None, noise: Noise | None = None) -> np.ndarray:
        """Logits [rows, codes] after the new tokens of each lane, by default for all rows and without noise. The caches grow."""
        return self._run(tokens, self.feeds(tokens, rows, noise))

    def run_tree(
        self, tokens: Sequence[Sequence[int]], parents: Sequence[Sequence[int]], noise: Noise | None = None,
        timesteps: Mapping[int, int] | None = None) -> np.ndarray:
        """The same for a graph of trees. Parents are indices among a lane's new tokens; -1 stands for the last cached token.

        `timesteps` has the index of the timestep token that a token sees. Such a token has the parent -1.
        """
        inputs = self.feeds(tokens, None, noise)
        for lane, (length, parent) in enumerate(zip(self.lengths, parents)):
            sees = np.eye(len(parent), dtype=bool)
            for i, p in enumerate(parent):
                if p >= 0:
                    sees[i] |= sees[p]
            positions = length + sees.sum(axis=1) - 1
            for token, timestep in (timesteps or {}).items():
                sees[token, timestep], positions[timestep] = True, positions[token]
            inputs[contract.position_ids(lane)] = positions[None]
            inputs[contract.attention_bias(lane)] = np.where(sees, 0, -np.inf).astype(np.float32)[None, None]
        return self._run(tokens, inputs)

    def _run(self, tokens: Sequence[Sequence[int]], inputs: dict[str, np.ndarray]) -> np.ndarray:
        names = [contract.LOGITS] if self._hidden is None else [contract.LOGITS, contract.DENOISED_EMBEDDINGS]
        outputs = self._runner.run(self._session, inputs, names, self._inputs, self._outputs)
        self.lengths = [length + len(new) for length, new in zip(self.lengths, tokens)]
        self.denoised = None if self._hidden is None else outputs[contract.DENOISED_EMBEDDINGS][0]
        return outputs[contract.LOGITS][0]

    def time(self, tokens: Sequence[Sequence[int]], repeat: int) -> list[float]:
        """Milliseconds of each of `repeat` runs, after which the lanes' lengths are unchanged."""
        return self._runner.time(self._session, self.feeds(tokens, None), [contract.LOGITS], repeat, self._inputs, self._outputs)

    def truncate(self, lengths: Sequence[int]) -> None:
        """Shortens the lanes. The next run overwrites the tokens after that."""
        self.lengths = list(lengths)

    def feeds(self, tokens: Sequence[Sequence[int]], rows: Sequence[int] | None = None, noise: Noise | None = None) -> dict[
        str, np.ndarray]:
        total = sum(len(new) for new in tokens)
        inputs = {
            **self._always,
            contract.INPUT_IDS: np.array([[id for new in tokens for id in new]], np.int64),
            contract.LANE_LENGTHS: np.array([len(new) for new in tokens], np.int64),
            contract.LOGITS_ROWS: np.arange(total) if rows is None else np.array(rows, np.int64),
        }
        if self._hidden is not None:
            before, steps = noise or (np.zeros((1, self._hidden)), np.zeros((1, len(contract.DENOISING_FIELDS))))
            inputs |= {contract.NOISY_EMBEDDINGS: before[None].astype(np.float32), contract.DENOISING: steps[None].astype(np.float32)}
        for lane, (length, new) in enumerate(zip(self.lengths, tokens)):
            inputs[contract.seqlens_k(lane)] = np.array([length + len(new) - 1], np.int32)
            inputs[contract.total_sequence_length(lane)] = np.array(length + len(new), np.int32)
        return inputs
