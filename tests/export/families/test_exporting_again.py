"""Repeated exports into a folder that contains the user's own weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from harness import family_checkpoints as checkpoints
from harness.exports import run_export
from sjdexport.safetensors import write_safetensors


@pytest.mark.parametrize("text", [False, True])
def test_the_users_weights_are_never_removed(tmp_path: Path, text: bool) -> None:
    """model.json lists them while graphs read them. Afterwards they may still be the user's only copy."""
    written = checkpoints.llamagen(tmp_path, text=text)
    arguments = list(written.arguments)
    image = torch.load(arguments[3])["model"]
    arguments[3] = tmp_path / "vq.safetensors"
    write_safetensors(arguments[3], {name: values.numpy() for name, values in image.items()})
    if text:
        for file in (tmp_path / "flan-t5").iterdir():
            file.rename(tmp_path / file.name)
        arguments[arguments.index("--text-encoder") + 1] = tmp_path
    weights = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert len(weights) > 2
    for share in (True, False, True):
        done = run_export(*arguments, "--out", tmp_path, "--precision", "fp32", "--pictures", "", *["--share-weights"] * share)
        assert done.returncode == 0, done.stderr
        assert ("vq.safetensors" in json.loads((tmp_path / "model.json").read_text())["files"]) == share
        assert ("vq.safetensors" in done.stdout) == (not share)  # which says that it is left
        assert {path: path.read_bytes() for path in weights if path.exists()} == weights
