"""An exported model that thinks, run as the engine runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from .runner import Runner


class Graph:
    def __init__(self, folder: Path, runner: Runner) -> None:
        self.manifest = json.loads((folder / "model.json").read_text())
        self.thought = self.manifest["thought"]
        self._runner, self._session = runner, str(folder)
        runner.load(self._session, folder / self.thought["graph"])

    def run(self, ids: list[int], embeddings: np.ndarray, past: list[np.ndarray], rows: list[int]) -> tuple[np.ndarray, np.ndarray, list]:
        """Thoughts [S, hidden], logits [R, vocabulary] and the new keys and values."""
        parts = [f"{layer}.{kind}" for layer in range(self.thought["layers"]) for kind in ("key", "value")]
        inputs = {
            "input_ids": np.array([ids], np.int64), "embeddings": embeddings[None].astype(np.float32),
            "logits_rows": np.array(rows, np.int64), **{f"past.{part}": rows for part, rows in zip(parts, past)}}
        found = self._runner.run(self._session, inputs, ["thoughts", "logits", *(f"present.{part}" for part in parts)])
        return found["thoughts"][0], found["logits"][0], [found[f"present.{part}"] for part in parts]

    def nothing(self) -> list[np.ndarray]:
        return [np.zeros((1, 0, self.thought["kvHeads"], self.thought["headDim"]), np.float32)] * (2 * self.thought["layers"])

    def think(self, question: list[int], iterations: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The iterates and the cache, as `Model.think`."""
        thought, none = self.thought, np.zeros((0, self.thought["hidden"]))
        boundary = len(question) + 1
        computed, _, cache = self.run([*question, thought["begin"], *[thought["latent"]] * thought["latents"]], none, self.nothing(), [])
        kept = [rows[:, :boundary] for rows in cache]
        iterates = [computed[boundary - 1 : -1]]
        for _ in range(iterations):
            computed, _, new = self.run([], iterates[-1], kept, [])
            cache = [np.concatenate(pair, axis=1) for pair in zip(kept, new)]
            iterates.append(np.concatenate([iterates[-1][:1], computed[:-1]]))
        return iterates, cache

    def answer(self, cache: list[np.ndarray], prompt: list[int], most: int) -> tuple[list[int], list[np.ndarray]]:
        found, all_logits, ids = [], [], prompt
        while len(found) < most:
            _, logits, new = self.run(ids, np.zeros((0, self.thought["hidden"])), cache, [len(ids) - 1])
            cache = [np.concatenate(pair, axis=1) for pair in zip(cache, new)]
            all_logits.append(logits[-1])
            ids = [int(logits[-1].argmax())]
            if ids[0] in self.thought["stop"]:
                break
            found += ids
        return found, all_logits
