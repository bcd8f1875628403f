"""Checkpoints: PyTorch's files, safetensors, and computed tensors."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.exports import EXPORT
from sjdexport import tensors, torch_files
from sjdexport.checkpoint import open_checkpoint
from sjdexport.errors import ExportError
from sjdexport.safetensors import read_header, write_safetensors
from sjdexport.tensors import Computed, to_bfloat16

VALUES = torch.linspace(-3, 3, 24).reshape(6, 4)


@pytest.mark.parametrize(("dtype", "wrappers", "suffix"), [
    (torch.float32, [], ".pt"), (torch.float16, ["model"], ".pth"), (torch.bfloat16, ["module"], ".bin"),
    (torch.float32, ["state_dict"], ".ckpt"), (torch.bfloat16, ["module", "model"], ".pt"),
])
def test_tensors_of_pytorch_files_are_read(tmp_path: Path, dtype: torch.dtype, wrappers: list[str], suffix: str) -> None:
    content: object = {"a.weight": VALUES.to(dtype), "b.bias": VALUES[:, 1].to(dtype), "steps": 3}  # b is not contiguous
    for wrapper in wrappers:
        content = {wrapper: content, "epoch": 7}
    torch.save(content, tmp_path / f"weights{suffix}")
    for path in (tmp_path, tmp_path / f"weights{suffix}"):
        checkpoint = open_checkpoint(path)
        assert checkpoint.names() == ["a.weight", "b.bias"] and checkpoint.folder == tmp_path
        np.testing.assert_array_equal(checkpoint.tensor("a.weight", 6, 4).float32(), VALUES.to(dtype).float())
        np.testing.assert_array_equal(checkpoint.tensor("b.bias", None).float32(), VALUES[:, 1].to(dtype).float())


def test_files_in_the_format_of_an_older_pytorch_are_read(tmp_path: Path) -> None:
    torch.save({"a": VALUES}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(open_checkpoint(tmp_path).tensor("a", 6, 4).float32(), VALUES)


def test_safetensors_are_preferred_to_pytorch_files(tmp_path: Path) -> None:
    torch.save({"a": VALUES}, tmp_path / "pytorch_model.bin")
    write_safetensors(tmp_path / "model.safetensors", {"b": VALUES.numpy()})
    assert open_checkpoint(tmp_path).names() == ["b"]


class Anything:
    pass


@pytest.mark.parametrize(("content", "expected"), [
    ({"model": {"a": VALUES}, "trainer": Anything()}, "contains more than tensors"),
    ([VALUES], "no named tensors"),
    ({"epoch": 3}, "no named tensors"),
    ({"a": VALUES.to(torch.complex64)}, "complex64"),
])
def test_pytorch_files_with_other_content_are_refused(tmp_path: Path, content: object, expected: str) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(ExportError, match=expected):
        open_checkpoint(tmp_path / "a.pt")


def test_the_suggested_command_makes_a_file_readable(tmp_path: Path) -> None:
    """Objects that trainers store beside the weights are not loaded. The message says how to save only the weights."""
    path = tmp_path / "it's a 'file'.pt"
    torch.save({"model": {"a": VALUES, "steps": 3}, "args": slice(1)}, path)
    with pytest.raises(ExportError) as error:
        open_checkpoint(path)
    command = re.search(r" run (python3 -c .*) and give (.*) instead\.$", str(error.value))
    subprocess.run(command[1].replace("python3", sys.executable, 1), shell=True, check=True)
    checkpoint = open_checkpoint(tmp_path / command[2])
    assert checkpoint.names() == ["a"]
    np.testing.assert_array_equal(checkpoint.tensor("a", 6, 4).float32(), VALUES)


def test_arguments_of_trainers_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[type] = []
    monkeypatch.setattr(torch.serialization, "add_safe_globals", allowed.extend, raising=False)
    torch.save({"a": VALUES}, tmp_path / "a.pt")
    open_checkpoint(tmp_path / "a.pt")
    assert allowed == [argparse.Namespace]


@pytest.mark.parametrize(
    ("version", "warned"), [("1.13.1", True), ("2.5.1+cu124", True), ("2.6.0", False), ("2.10.0a0+git1", False), ("unknown", False)])
def test_an_old_pytorch_is_warned_about_once(version: str, warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    torch_files._warn_of_old.cache_clear()
    for _ in range(2):
        torch_files._warn_of_old(version)
    assert len(caplog.records) == warned and ("CVE-2025-32434" in caplog.text) == warned


def test_a_pytorch_without_weights_only_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": VALUES}, tmp_path / "a.pt")
    monkeypatch.setattr(torch, "load", lambda path, map_location: pytest.fail("loaded"))
    with pytest.raises(ExportError, match="1.13 or later"):
        open_checkpoint(tmp_path / "a.pt")


def test_only_one_unmapped_file_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For versions of PyTorch without memory-mapping. Small tensors stay in memory, so that reading a norm does not load another file."""
    monkeypatch.setattr(torch_files, "SMALL", 16)
    for i in range(3):
        torch.save({f"{i}": VALUES + i, f"{i}.norm": VALUES[0] + i}, tmp_path / f"pytorch_model-{i}.bin")
    read, load = [], torch.load

    def load_unmapped(path: Path, map_location: str, weights_only: bool) -> object:
        assert not [each for each in read if each() is not None]  # the earlier ones are gone
        content = load(path, map_location=map_location, weights_only=weights_only)
        read.append(weakref.ref(content["".join(filter(str.isdigit, path.stem))]))
        return content

    monkeypatch.setattr(torch, "load", load_unmapped)
    checkpoint = open_checkpoint(tmp_path)
    assert len(read) == 3
    for i in (2, 0, 0, 1):
        np.testing.assert_array_equal(checkpoint.tensor(f"{i}", 6, 4).float32(), VALUES + i)
        np.testing.assert_array_equal(checkpoint.tensor("2.norm", 4).float32(), VALUES[0] + 2)
    assert len(read) == 5  # file 2 was still in memory, and so was file 0 for its second reading


@pytest.mark.parametrize("bytes", [0, 5, 600])
def test_a_truncated_pytorch_file_is_refused(tmp_path: Path, bytes: int) -> None:
    torch.save({"a": VALUES}, tmp_path / "a.pt")
    os.truncate(tmp_path / "a.pt", bytes)
    with pytest.raises(ExportError, match=r"a\.pt (is not a complete PyTorch file|contains more than tensors, or is not a PyTorch file)"):
        open_checkpoint(tmp_path / "a.pt")


def test_a_pytorch_file_is_refused_if_pytorch_is_not_installed(tmp_path: Path) -> None:
    torch.save({"a": VALUES}, tmp_path / "a.pt")
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "torch.py").write_text("raise ImportError('hidden')")
    command = [sys.executable, EXPORT, "--checkpoint", tmp_path / "a.pt", "--out", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path / "hidden")})
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "PyTorch is not installed" in done.stderr and "safetensors" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "expected"), [("nothing", "does not exist"), ("notes.txt", "not a file of weights"), ("empty", "no .*safetensors file")])
def test_a_path_without_weights_is_refused(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "notes.txt").write_text("weights")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ExportError, match=expected):
        open_checkpoint(tmp_path / name)


def every_kind(folder: Path) -> list[tensors.Tensor]:
    write_safetensors(folder / "model.safetensors", {"a": VALUES.half().numpy(), "b": VALUES.half().numpy()})
    return [open_checkpoint(folder).tensor("b", 6, 4), Computed("b", (6, 4), lambda: VALUES.half().numpy(), "F16")]


@pytest.mark.parametrize("kind", [0, 1])
def test_rows_have_the_values_of_the_whole_tensor(tmp_path: Path, kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tensor, values = every_kind(tmp_path)[kind], VALUES.half().float().numpy()
    np.testing.assert_array_equal(tensor.rows(2, 3).float32(), values[2:5])
    np.testing.assert_array_equal(tensor.rows(2, 3).rows(1, 1).float32(), values[3:4])
    np.testing.assert_array_equal(tensor.take([5, 0, 0]).float32(), values[[5, 0, 0]])
    assert tensor.take([5, 0, 0]).shape == (3, 4) and tensor.take([1]).dtype == "F16"
    assert len({tensor.name, tensor.rows(0, 2).name, tensor.rows(2, 2).name, tensor.take([1]).name}) == 4
    monkeypatch.setattr(tensors, "BLOCK_BYTES", 2 * 4 * 4)
    blocks = list(tensor.row_blocks())
    assert [block.shape for block in blocks] == [(2, 4)] * 3
    np.testing.assert_array_equal(np.concatenate(blocks), values)


@pytest.mark.parametrize("kind", [0, 1])
def test_parts_know_their_tensor_and_their_rows(tmp_path: Path, kind: int) -> None:
    tensor = every_kind(tmp_path)[kind]
    assert tensor.origin() == (tensor, None)
    parts = [
        tensor.rows(2, 3), tensor.rows(1, 4).rows(1, 2), tensor.take([5, 0, 3]), tensor.take([5, 0, 3]).rows(1, 2),
        tensor.rows(1, 4).take([3, 0])]
    for part, rows in zip(parts, ([2, 3, 4], [2, 3], [5, 0, 3], [0, 3], [4, 1]), strict=True):
        origin, index = part.origin()
        assert origin is tensor and list(index) == rows
        np.testing.assert_array_equal(part.float32(), tensor.float32()[rows])


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_float32_values_convert_back_to_their_original_bits(dtype: str) -> None:
    bits = np.arange(2**16, dtype=np.uint16).view(tensors.NUMPY_TYPES[dtype] if dtype != "F32" else np.float32)
    values = tensors.to_float32(bits, dtype)
    bits, values = bits[np.isfinite(values)], values[np.isfinite(values)]
    np.testing.assert_array_equal(tensors.from_float32(values, dtype).view(bits.dtype), bits)
    if dtype == "F16":
        assert np.isinf(tensors.from_float32(np.float32([1e5]), dtype)).all()


def test_tensors_of_every_type_are_written_unchanged(tmp_path: Path) -> None:
    raw = {"BF16": np.uint16([[1, 2], [3, 0xFFFF]]), "I64": np.array(7), "F16": np.float16([]), "BOOL": np.array([True, False])}
    written = {name: Computed("any", values.shape, lambda values=values: values, name) for name, values in raw.items()}
    write_safetensors(tmp_path / "model.safetensors", {**written, "array": np.float32([1, 2])})
    again = read_header(tmp_path / "model.safetensors")
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in again.items()} == {
        **{name: (name, values.shape) for name, values in raw.items()}, "array": ("F32", (2,))}
    for name in ("BF16", "I64", "BOOL"):
        np.testing.assert_array_equal(again[name].raw(), raw[name])


def test_bfloat16_rounds_as_pytorch_does() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32)
    values = np.concatenate([bits.view(np.float32), np.float32([0, -0.0, np.inf, -np.inf, 1 + 2**-8, 1 + 3 * 2**-8, 3.4e38])])
    values = values[~np.isnan(values)]
    np.testing.assert_array_equal(to_bfloat16(values), torch.from_numpy(values).bfloat16().view(torch.int16).numpy().view(np.uint16))
    assert np.isnan(torch.from_numpy(to_bfloat16(np.float32([np.nan])).view(np.int16)).view(torch.bfloat16).float().numpy()).all()
