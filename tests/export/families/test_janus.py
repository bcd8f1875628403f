"""Janus' table of code embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from harness import family_checkpoints as checkpoints
from harness.exports import run_export
from sjdexport.families import janus


def test_gelu_equals_pytorchs() -> None:
    x = np.concatenate([np.linspace(-12, 12, 1_000_003), [0, -0.0, 1e-20, -1e4, 1e4]]).astype(np.float32)
    want = torch.nn.functional.gelu(torch.from_numpy(x).double()).numpy()
    np.testing.assert_allclose(janus.gelu(x), want, rtol=1.2e-7, atol=2e-8)


def test_the_table_is_computed_once_and_stored_in_the_type_of_the_activations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed, embed = [], janus.Janus._embed_codes
    monkeypatch.setattr(janus.Janus, "_embed_codes", lambda self: computed.append(self) or embed(self))
    written = checkpoints.janus(tmp_path / "checkpoint", port=True)
    wide = ("fp32", "int8", "int4")
    narrow = ("fp16", "bf16", "int4-fp16", "int8-fp16")
    done = run_export(*written.arguments, "--out", tmp_path / "out", "--precision", ",".join((*wide, *narrow)), "--pictures", "")
    assert done.returncode == 0, done.stderr
    assert len(computed) == 1
    for precision in (*wide, *narrow):
        graph = onnx.load(tmp_path / "out" / f"transformer.{precision}.onnx", load_external_data=False).graph
        table = next(tensor for tensor in graph.initializer if tensor.name.startswith("codes"))
        item_bytes = {entry.key: int(entry.value) for entry in table.external_data if entry.key == "length"}["length"] / np.prod(table.dims)
        assert item_bytes == (4 if precision in wide else 2)
