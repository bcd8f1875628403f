"""Exports that fail: they end with one sentence, and leave nothing behind."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness import tiny
from harness.edits import WEIGHTS, edit, rewrite, rewrite_header, truncate
from harness.exports import EXPORT, assert_one_sentence, run_export
from sjdexport.errors import ExportError
from sjdexport.exporter import ExportOptions, export
from sjdexport.safetensors import write_safetensors


def drop_decoder(tensors: dict[str, np.ndarray]) -> None:
    for name in [name for name in tensors if name.startswith("model.vqmodel.decoder.")]:
        del tensors[name]


def rename_tokens(folder: Path, names: dict[str, str]) -> None:
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    edit(folder, "tokenizer.json", model={**model, "vocab": {names.get(token, token): id for token, id in model["vocab"].items()}})


def spelled(code: int) -> str:
    """The name of an image code's token."""
    return "IMGIMG" + "".join("ABCDEFGHIJ"[int(digit)] for digit in str(code)) + "Z"


GATE = "model.layers.1.mlp.gate_proj.weight"
FAILURES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "missing tensor": (lambda f: rewrite(f, lambda t: t.pop(GATE)), [GATE, "[96, 64]"]),
    "missing decoder tensor": (lambda f: rewrite(f, lambda t: t.pop("model.vqmodel.decoder.conv_in.weight")), ["decoder.conv_in.weight"]),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), ["config.json", "not a JSON object"]),
    "generation section is a number": (
        lambda f: (f / "generation.json").write_text('{"prompt": 3}'), ["generation.json", "section prompt"]),
    "tokenizer without vocabulary": (lambda f: (f / "tokenizer.json").write_text('{"model": {"type": "BPE"}}'), ["tokenizer.json"]),
    "wrong shape": (lambda f: rewrite(f, lambda t: t.update({GATE: t[GATE].T.copy()})), [WEIGHTS, GATE, "[64, 96]", "[96, 64]"]),
    "truncated data": (lambda f: truncate(f, 100), [WEIGHTS, "truncated"]),
    "truncated header": (lambda f: os.truncate(f / WEIGHTS, 100), [WEIGHTS, "header"]),
    "empty file": (lambda f: os.truncate(f / WEIGHTS, 0), [WEIGHTS, "header"]),
    "header of no JSON": (lambda f: (f / WEIGHTS).write_bytes((9).to_bytes(8, "little") + b"{not json" + bytes(10)), [WEIGHTS, "JSON"]),
    "header longer than the file": (lambda f: (f / WEIGHTS).write_bytes((2**60).to_bytes(8, "little") + b"{}"), [WEIGHTS, str(2**60)]),
    "lying size": (lambda f: rewrite_header(f, lambda h: h[GATE].update(shape=[96, 65])), [GATE, "[96, 65]"]),
    "offsets out of range": (
        lambda f: rewrite_header(f, lambda h: h[GATE].update(data_offsets=[10**9, 10**9 + 96 * 64 * 2])), [GATE, str(10**9)[:3]]),
    "overlapping tensors": (lambda f: rewrite_header(f, lambda h: h[GATE].update(data_offsets=[0, 96 * 64 * 2])), ["overlaps"]),
    "negative offsets": (lambda f: rewrite_header(f, lambda h: h[GATE].update(data_offsets=[-2, 96 * 64 * 2 - 2])), [GATE, "malformed"]),
    "unknown dtype": (lambda f: rewrite_header(f, lambda h: h[GATE].update(dtype="F4_E2M1")), [GATE, "F4_E2M1"]),
    "infinite norm": (lambda f: rewrite(f, lambda t: t["model.norm.weight"].__setitem__(3, np.inf)), ["model.norm.weight", "finite"]),
    "a list of dtypes": (lambda f: rewrite_header(f, lambda h: h[GATE].update(dtype=["F32"])), [GATE, "malformed"]),
    "true as a size": (lambda f: rewrite_header(f, lambda h: h[GATE].update(shape=[96, True])), [GATE, "malformed"]),
    "deeply nested header": (lambda f: (f / WEIGHTS).write_bytes((10**5).to_bytes(8, "little") + b"[" * 10**5), [WEIGHTS, "JSON"]),
    "empty tensor": (
        lambda f: rewrite(f, lambda t: t.update({"model.embed_tokens.weight": np.zeros((0, 64), np.float16)})),
        ["embed_tokens", "[0, 64]"]),
    "integer weights": (lambda f: rewrite_header(f, lambda h: h[GATE].update(dtype="I16")), [GATE, "I16", "BF16"]),
    "tensor in two files": (
        lambda f: write_safetensors(f / "zz.safetensors", {GATE: np.zeros((1, 1), np.float16)}), [GATE, "zz.safetensors"]),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), ["safetensors"]),
    "no config": (lambda f: (f / "config.json").unlink(), ["config.json"]),
    "config of no JSON": (lambda f: (f / "config.json").write_text("{"), ["config.json"]),
    "config without a size": (
        lambda f: edit(f, "config.json", hidden_size=None), ["config.json: hidden_size is missing", "positive integer"]),
    "heads of another width": (lambda f: edit(f, "config.json", num_attention_heads=8), ["q_norm", "[4, 16]", "[any, 8]"]),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), ["tokenizer.json"]),
    "tokenizer of another kind": (lambda f: edit(f, "tokenizer.json", model={"type": "Unigram"}), ["tokenizer.json", "Unigram"]),
    "codes without tokens": (lambda f: rename_tokens(f, {"<code0>": "IMGIMGAZ", "<code1>": "IMGIMGBZ"}), ["none for code 2", "32 codes"]),
    "code tokens apart": (
        lambda f: rename_tokens(f, {**{f"<code{i}>": spelled(i) for i in range(31)}, "<turn>": spelled(31)}),
        ["32 image codes", "consecutive", "39"]),
    "unknown section": (lambda f: edit(f, "generation.json", sampler={}), ["generation.json", "sampler"]),
    "unknown field": (lambda f: edit(f, "generation.json", sampling={"cfg": 3}), ["generation.json", "sampling", "cfg"]),
    "codes past the vocabulary": (
        lambda f: edit(f, "generation.json", layout={"firstCode": 10**6, "codes": 32, "rowSuffix": [], "suffix": []}),
        ["generation.json", "vocabulary"]),
    "codes unlike the decoder's": (
        lambda f: edit(f, "generation.json", layout={"firstCode": 4, "codes": 31, "rowSuffix": [], "suffix": []}),
        ["31 codes", "expected 32"]),
    "missing shard": (
        lambda f: (f / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": WEIGHTS, "b": "other.safetensors"}})),
                      ["other.safetensors", "index.json"]),
    "index of no files": (
        lambda f: (f / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": WEIGHTS, "b": 3}})),
        ["index.json", "weight_map"]),
    "deeply nested index": (lambda f: (f / "model.safetensors.index.json").write_text("[" * 10**5), ["index.json", "weight_map"]),
    "index of nothing": (lambda f: (f / "model.safetensors.index.json").write_text("[]"), ["index.json", "weight_map"]),
    "no decoder": (lambda f: rewrite(f, drop_decoder), ["--vq", "vqgan.ckpt"]),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_bad_checkpoint_is_refused_and_nothing_is_written(checkpoint: Path, tmp_path: Path, failure: str) -> None:
    spoil, expected = FAILURES[failure]
    spoil(checkpoint)
    out = tmp_path / "out"
    assert_one_sentence(run_export("--checkpoint", checkpoint, "--out", out, "--precision", "int8"), expected)
    assert not out.exists()


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "int8", "int8-blocks", "int4", "int4-fp16", "int8-fp16"])
@pytest.mark.parametrize("name", [GATE, "model.embed_tokens.weight", "lm_head.weight", "model.vqmodel.decoder.conv_in.weight"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_weights_that_are_not_finite_are_refused(
    checkpoint: Path, tmp_path: Path, precision: str, name: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sjdexport.checkpoint.SMALL", 0)
    rewrite(checkpoint, lambda t: t[name].__setitem__((5, 2), value))
    assert_one_sentence(
        run_export("--checkpoint", checkpoint, "--out", tmp_path / "out", "--precision", precision, "--pictures", ""), [name, "finite"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("precision", "fits"), [("fp16", False), ("int4-fp16", False), ("int8-fp16", False), ("bf16", True), ("int4", True)])
@pytest.mark.parametrize("share", [False, True])
def test_weights_outside_half_precision_are_refused_only_for_half_precision(
    checkpoint: Path, tmp_path: Path, precision: str, fits: bool, share: bool) -> None:
    rewrite(checkpoint, lambda t: t.update({GATE: t[GATE].astype(np.float32)}))
    rewrite(checkpoint, lambda t: t[GATE].__setitem__((1, 2), 70000))
    out = checkpoint if share else tmp_path / "out"
    done = run_export("--checkpoint", checkpoint, "--out", out, "--precision", precision, "--pictures", "", *["--share-weights"] * share)
    if fits:
        assert done.returncode == 0, done.stderr
    else:
        assert_one_sentence(done, [GATE, "70000", "65504"])


@pytest.mark.parametrize(("arguments", "expected"), [
    (["--precision", "int3"], ["int3", "int8"]),
    (["--precision", ""], ["precision"]),
    (["--precision", "fp32", "--default-precision", "int8"], ["int8", "fp32"]),
    (["--lanes", "0"], ["--lanes", "0"]),
    (["--family", "emu9"], ["emu9", "chameleon"]),
    (["--family", "janus"], ["chameleon", "not janus"]),
    (["--int4-block", "64"], ["--int4-block", "64", "128"]),
    (["--share-weights"], ["--share-weights", "/out", "/checkpoint", "--out"]),
    (["--vq", "/nowhere/vqgan.ckpt"], ["/nowhere/vqgan.ckpt"]),
    (["--checkpoint", "/nowhere/at/all"], ["/nowhere/at/all"]),
])
def test_bad_arguments_are_refused(checkpoint: Path, tmp_path: Path, arguments: list[str], expected: list[str]) -> None:
    out = tmp_path / "out"
    assert_one_sentence(run_export("--checkpoint", checkpoint, "--out", out, *arguments), expected)
    assert not out.exists()


def test_an_unwritable_output_folder_is_reported(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert_one_sentence(run_export("--checkpoint", checkpoint, "--out", tmp_path / "file" / "out"), [str(tmp_path / "file")])


def test_a_checkpoint_file_that_vanishes_is_reported_as_unreadable(checkpoint: Path, tmp_path: Path) -> None:
    class Vanishing(io.StringIO):
        """Removes the weights when the first graph is done."""

        def write(self, text: str) -> int:
            (checkpoint / WEIGHTS).unlink(missing_ok=True)
            return super().write(text)

    for out in (tmp_path / "out", checkpoint):
        with pytest.raises(ExportError, match=rf"{WEIGHTS} cannot be read: No such file"):
            export(ExportOptions(None, checkpoint, out, ("fp32", "int8"), "int8", pictures=()), Vanishing())
        tiny.write_checkpoint(checkpoint)


def test_a_full_disk_is_reported_and_nothing_is_left(checkpoint: Path, tmp_path: Path) -> None:
    """Simulated by a limit on the size of files, so that writing fails half-way."""
    command = [sys.executable, EXPORT, "--checkpoint", checkpoint, "--out", tmp_path / "out", "--precision", "fp32"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert_one_sentence(done, [str(tmp_path / "out"), "File too large"])
    assert not (tmp_path / "out").exists()


class Interrupting(io.StringIO):
    """Acts as if Ctrl+C were pressed when the second graph is done."""

    def write(self, text: str) -> int:
        if "transformer.int8" in text:
            raise KeyboardInterrupt
        return super().write(text)


def test_an_interrupted_export_leaves_nothing(checkpoint: Path, tmp_path: Path) -> None:
    options = ExportOptions(None, checkpoint, tmp_path / "out", ("fp32", "int8"), "int8")
    with pytest.raises(KeyboardInterrupt):
        export(options, Interrupting())
    assert not (tmp_path / "out").exists()


def test_leftovers_of_a_killed_export_are_removed(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / ".export").mkdir(parents=True)
    (tmp_path / "out" / ".export" / "transformer.int8.data").write_text("half")
    assert run_export("--checkpoint", checkpoint, "--out", tmp_path / "out", "--precision", "fp32", "--pictures", "").returncode == 0
    assert not (tmp_path / "out" / ".export").exists() and not (tmp_path / "out" / "transformer.int8.data").exists()


def test_a_failed_export_keeps_the_earlier_one(checkpoint: Path) -> None:
    assert run_export("--checkpoint", checkpoint, "--out", checkpoint, "--precision", "fp32").returncode == 0
    rewrite(checkpoint, lambda t: t.pop("model.vqmodel.decoder.conv_in.weight"))
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    assert run_export("--checkpoint", checkpoint, "--out", checkpoint, "--precision", "int8").returncode == 1
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before
