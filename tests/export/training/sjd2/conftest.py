"""Fixtures of the tests of fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from harness import tiny
from harness.fine_tuning import Case, write_tokens

_cases: dict[str, Case] = {}


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Each case is made once. Tests that train open the checkpoint again."""
    if request.param not in _cases:
        _cases[request.param] = Case(request.param, tmp_path_factory.mktemp("family"))
    return _cases[request.param]


@pytest.fixture(autouse=True)
def saved(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which runs are saved."""
    threads = torch.get_num_threads()
    folder = tmp_path_factory.mktemp("saved")
    monkeypatch.setattr("training.checkpoints.CHECKPOINTS", folder)
    yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    tiny.write_checkpoint(folder, dtype=np.float32)
    write_tokens(folder.parent / "pictures.safetensors")
    return folder
