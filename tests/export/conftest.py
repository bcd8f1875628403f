"""Exports of one tiny random checkpoint, made once, and one process that runs graphs."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "export")]

import export as program  # noqa: E402
import tiny  # noqa: E402
from lanes import Lanes  # noqa: E402
from runner import Runner  # noqa: E402
from sjd import Sjd  # noqa: E402
from sjdexport import contract  # noqa: E402
from sjdexport.safetensors import read_header  # noqa: E402

PRECISIONS = ("fp32", "fp16", "int8", "int4", "int4-fp16")


def run_export(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What export.py does with these arguments, in this process: starting another takes longer than a tiny export."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = program.main([*map(str, arguments)])
    return subprocess.CompletedProcess(arguments, status, output.getvalue(), errors.getvalue())


def start_export(*arguments: object) -> subprocess.CompletedProcess[str]:
    """export.py as its users run it."""
    command = [sys.executable, str(HERE.parents[1] / "export" / "export.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def sjd(tmp_path_factory: pytest.TempPathFactory) -> Sjd:
    return Sjd.build(tmp_path_factory.mktemp("sjd"))


class Model:
    """An exported tiny model with its weights at hand."""

    def __init__(self, folder: Path, runner: Runner) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / "model.json").read_text())
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = {name: t.float32().astype(np.float64) for name, t in read_header(folder / "checkpoint.safetensors").items()}
        self._runner = runner
        self._loaded: set[str] = set()

    def lanes(self, precision: str = "fp32") -> Lanes:
        return self._variant(precision, contract.transformer_graph(precision))

    def batch(self, precision: str, pictures: int) -> Lanes:
        return self._variant(precision, contract.transformer_graph(precision, pictures), pictures)

    def tree(self, precision: str) -> Lanes:
        return self._variant(precision, contract.transformer_graph(precision, tree=True))

    def _variant(self, precision: str, graph: str, pictures: int = 1) -> Lanes:
        session = str(self.folder / graph)
        if session not in self._loaded:
            self._runner.load(session, self.folder / graph)
            self._loaded.add(session)
        return Lanes(self._runner, session, self.manifest, precision, pictures=pictures)


@pytest.fixture(scope="session")
def model(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("tiny")
    tiny.write_checkpoint(folder, tiny.PRESETS["tiny"])
    done = start_export("--checkpoint", folder, "--out", folder, "--precision", ",".join(PRECISIONS))
    assert done.returncode == 0, done.stderr
    return Model(folder, runner)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A tiny checkpoint that a test may spoil."""
    folder = tmp_path / "checkpoint"
    tiny.write_checkpoint(folder, tiny.PRESETS["tiny"])
    return folder
