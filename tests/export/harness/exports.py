"""Runs export.py, and gives access to an exported tiny model."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from sjdexport import command, contract
from sjdexport.safetensors import read_header

from .lanes import Lanes
from .runner import ROOT, Runner

PRECISIONS = ("fp32", "fp16", "int8", "int8-blocks", "int4", "int4-fp16", "int8-fp16")
EXPORT = ROOT / "export" / "export.py"


def run_export(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the export in this process, because starting another one takes longer than a tiny export."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = command.main([*map(str, arguments)])
    return subprocess.CompletedProcess(arguments, status, output.getvalue(), errors.getvalue())


def start_export(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs export.py as users do."""
    return subprocess.run([sys.executable, EXPORT, *map(str, arguments)], capture_output=True, text=True)


def assert_one_sentence(done: subprocess.CompletedProcess[str], expected: list[str], program: str = "export") -> None:
    """Asserts that a program failed with one line on stderr that contains the expected parts."""
    assert done.returncode == 1
    assert done.stderr.startswith(f"{program}: ") and done.stderr.count("\n") == 1 and done.stderr.endswith(".\n"), done.stderr
    for part in expected:
        assert part in done.stderr


class Model:
    """An exported tiny model with its weights."""

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

    def lane(self, precision: str) -> Lanes:
        return self._variant(precision, contract.lane_graph(precision), count=1)

    def _variant(self, precision: str, graph: str, pictures: int = 1, count: int | None = None) -> Lanes:
        session = str(self.folder / graph)
        if session not in self._loaded:
            self._runner.load(session, self.folder / graph)
            self._loaded.add(session)
        return Lanes(self._runner, session, self.manifest, precision, pictures=pictures, count=count)
