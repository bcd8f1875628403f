"""Exports of one tiny random checkpoint, made once, and one process that runs graphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import tiny
from harness.exports import PRECISIONS, Model, start_export
from harness.runner import Runner
from harness.sjd import Sjd
from sjdexport.families import llamagen


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def sjd(tmp_path_factory: pytest.TempPathFactory) -> Sjd:
    return Sjd.build(tmp_path_factory.mktemp("sjd"))


@pytest.fixture(scope="session")
def model(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("tiny")
    tiny.write_checkpoint(folder)
    done = start_export("--checkpoint", folder, "--out", folder, "--precision", ",".join(PRECISIONS))
    assert done.returncode == 0, done.stderr
    return Model(folder, runner)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A tiny checkpoint that a test may spoil."""
    folder = tmp_path / "checkpoint"
    tiny.write_checkpoint(folder)
    return folder


@pytest.fixture(autouse=True, scope="session")
def narrow_llamagen() -> Iterator[None]:
    """The tiny LlamaGen models are 128 or 200 wide, and no published model is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(llamagen.HEAD_DIMS, 128, 64)
        patch.setitem(llamagen.HEAD_DIMS, 200, 100)
        yield
