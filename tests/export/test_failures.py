"""What cannot be exported ends with one sentence and leaves nothing behind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import run_export

from sjdexport.safetensors import read_header, write_safetensors

WEIGHTS = "checkpoint.safetensors"


def rewrite(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    tensors = {name: np.array(t.raw()) for name, t in read_header(folder / WEIGHTS).items()}
    change(tensors)
    write_safetensors(folder / WEIGHTS, tensors)


def rewrite_header(folder: Path, change: Callable[[dict], object]) -> None:
    data = (folder / WEIGHTS).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def edit(folder: Path, name: str, **fields: object) -> None:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def truncate(folder: Path, bytes: int) -> None:
    os.truncate(folder / WEIGHTS, (folder / WEIGHTS).stat().st_size - bytes)


GATE = "model.layers.1.mlp.gate_proj.weight"
FAILURES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "missing tensor": (lambda f: rewrite(f, lambda t: t.pop(GATE)), [GATE, "[96, 64]"]),
    "missing decoder tensor": (lambda f: rewrite(f, lambda t: t.pop("model.vqmodel.decoder.conv_in.weight")), ["decoder.conv_in.weight"]),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), ["config.json", "not a JSON object"]),
    "generation section is a number": (lambda f: (f / "generation.json").write_text('{"prompt": 3}'), ["generation.json", "section prompt"]),
    "tokenizer without vocabulary": (lambda f: (f / "tokenizer.json").write_text('{"model": {"type": "BPE"}}'), ["tokenizer.json"]),
    "wrong shape": (lambda f: rewrite(f, lambda t: t.update({GATE: t[GATE].T.copy()})), [GATE, "[64, 96]", "[96, 64]"]),
    "truncated data": (lambda f: truncate(f, 100), [WEIGHTS, "truncated"]),
    "truncated header": (lambda f: os.truncate(f / WEIGHTS, 100), [WEIGHTS, "header"]),
    "empty file": (lambda f: os.truncate(f / WEIGHTS, 0), [WEIGHTS, "header"]),
    "header of no JSON": (lambda f: (f / WEIGHTS).write_bytes((9).to_bytes(8, "little") + b"{not json" + bytes(10)), [WEIGHTS, "JSON"]),
    "header longer than the file": (lambda f: (f / WEIGHTS).write_bytes((2**60).to_bytes(8, "little") + b"{}"), [WEIGHTS, str(2**60)]),
    "lying size": (lambda f: rewrite_header(f, lambda h: h[GATE].update(shape=[96, 65])), [GATE, "[96, 65]"]),
    "offsets out of range": (lambda f: rewrite_header(f, lambda h: h[GATE].update(data_offsets=[10**9, 10**9 + 96 * 64 * 2])), [GATE, str(10**9)[:3]]),
    "overlapping tensors": (lambda f: rewrite_header(f, lambda h: h[GATE].update(data_offsets=[0, 96 * 64 * 2])), ["overlaps"]),
    "negative offsets": (lambda f: rewrite_header(f, lambda h: h[GATE].update(data_offsets=[-2, 96 * 64 * 2 - 2])), [GATE, "malformed"]),
    "unknown dtype": (lambda f: rewrite_header(f, lambda h: h[GATE].update(dtype="F4_E2M1")), [GATE, "F4_E2M1"]),
    "integer weights": (lambda f: rewrite_header(f, lambda h: h[GATE].update(dtype="I16")), [GATE, "I16", "BF16"]),
    "tensor in two files": (lambda f: write_safetensors(f / "zz.safetensors", {GATE: np.zeros((1, 1), np.float16)}), [GATE, "zz.safetensors"]),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), ["safetensors"]),
    "no config": (lambda f: (f / "config.json").unlink(), ["config.json"]),
    "config of no JSON": (lambda f: (f / "config.json").write_text("{"), ["config.json"]),
    "config without a size": (lambda f: edit(f, "config.json", hidden_size=None), ["config.json", "hidden_size"]),
    "swin_norm": (lambda f: edit(f, "config.json", swin_norm=True), ["swin_norm"]),
    "heads too narrow": (lambda f: edit(f, "config.json", num_attention_heads=8), ["multiple of 16"]),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), ["tokenizer.json"]),
    "tokenizer of another kind": (lambda f: edit(f, "tokenizer.json", model={"type": "Unigram"}), ["tokenizer.json", "Unigram"]),
    "codes out of order": (lambda f: edit(f, "tokenizer.json", model={"type": "BPE", "vocab": {"IMGIMGBZ": 4, "IMGIMGAZ": 5}, "merges": []}), ["IMGIMGBZ"]),
    "unknown section": (lambda f: edit(f, "generation.json", sampler={}), ["generation.json", "sampler"]),
    "unknown field": (lambda f: edit(f, "generation.json", sampling={"cfg": 3}), ["generation.json", "sampling", "cfg"]),
    "codes past the vocabulary": (
        lambda f: edit(f, "generation.json", layout={"firstCode": 4, "codes": 10**6, "rowSuffix": [], "suffix": []}), ["generation.json", "vocabulary"]),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_bad_checkpoint(checkpoint: Path, tmp_path: Path, failure: str) -> None:
    spoil, expected = FAILURES[failure]
    spoil(checkpoint)
    out = tmp_path / "out"
    assert_one_sentence(run_export("--checkpoint", checkpoint, "--out", out, "--precision", "int8"), expected)
    assert not out.exists()


@pytest.mark.parametrize(("arguments", "expected"), [
    (["--precision", "int3"], ["int3", "int8"]),
    (["--precision", ""], ["precision"]),
    (["--precision", "fp32", "--default-precision", "int8"], ["int8", "fp32"]),
    (["--lanes", "0"], ["--lanes", "0"]),
    (["--family", "emu9"], ["emu9", "chameleon"]),
    (["--checkpoint", "/nowhere/at/all"], ["/nowhere/at/all"]),
])
def test_bad_arguments(checkpoint: Path, tmp_path: Path, arguments: list[str], expected: list[str]) -> None:
    out = tmp_path / "out"
    assert_one_sentence(run_export("--checkpoint", checkpoint, "--out", out, *arguments), expected)
    assert not out.exists()


def test_unwritable_output(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert_one_sentence(run_export("--checkpoint", checkpoint, "--out", tmp_path / "file" / "out"), [str(tmp_path / "file")])


def test_a_failed_export_leaves_the_earlier_one_whole(checkpoint: Path) -> None:
    assert run_export("--checkpoint", checkpoint, "--out", checkpoint, "--precision", "fp32").returncode == 0
    rewrite(checkpoint, lambda t: t.pop("model.vqmodel.decoder.conv_in.weight"))
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    assert run_export("--checkpoint", checkpoint, "--out", checkpoint, "--precision", "int8").returncode == 1
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before


def assert_one_sentence(done, expected: list[str]) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith("export: ") and done.stderr.count("\n") == 1 and done.stderr.endswith(".\n"), done.stderr
    for part in expected:
        assert part in done.stderr
