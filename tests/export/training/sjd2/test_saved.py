"""Resuming a run from its saved state."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from harness import family_checkpoints as checkpoints
from harness.exports import assert_one_sentence
from harness.fine_tuning import arguments, run_finetune, sequence, write_tokens
from sjdexport.checkpoint import open_checkpoint
from sjdexport.safetensors import read_header, write_safetensors


@pytest.mark.parametrize(("more", "words"), [
    (["--schedule", "linear"], ["--schedule cosine", "--schedule linear", "another --name"]),
    (["--levels", "untold"], ["--levels added", "--levels untold"]),
    (["--recipe", "published"], ["--recipe own", "--recipe published", "another --name"]),
    (["--optimizer", "muon"], ["--optimizer adamw", "--optimizer muon"]),
    (["--steps", "1"], ["--steps is 1", "has already done 2", "give a larger number"]),
])
def test_a_run_does_not_resume_with_other_options(base: Path, saved: Path, more: list[str], words: list[str]) -> None:
    assert run_finetune(*arguments(base, "--steps", 2)).returncode == 0
    files = {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()}
    done = run_finetune(*arguments(base, "--steps", 3, *more))
    assert_one_sentence(done, words, "finetune")
    assert {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()} == files


def resumed(base: Path, folder: Path, change: Callable[[Path], object], rename: bool) -> subprocess.CompletedProcess[str]:
    """Trains one step, copies the run's files, changes the copies, and resumes with them."""
    assert run_finetune(*arguments(base, "--steps", 1)).returncode == 0
    shutil.copytree(base.parent, folder / "files")
    change(folder / "files")
    if rename:
        (folder / "files" / "tiny").rename(folder / "files" / "model")
        (folder / "files" / "pictures.safetensors").rename(folder / "files" / "ids.safetensors")
    model, ids = ("model", "ids.safetensors") if rename else ("tiny", "pictures.safetensors")
    return run_finetune(*arguments(base, "--steps", 2, "--checkpoint", folder / "files" / model, "--tokens", folder / "files" / ids))


def test_a_run_resumes_with_files_that_were_renamed(base: Path, tmp_path: Path) -> None:
    done = resumed(base, tmp_path, lambda files: None, rename=True)
    assert done.returncode == 0 and "0  {" not in done.stdout, done.stderr


def retrain(name: str, place: tuple[int, ...]) -> Callable[[Path], object]:
    def change(files: Path) -> None:
        tensors = {name: np.array(tensor.raw()) for name, tensor in read_header(files / "tiny" / "checkpoint.safetensors").items()}
        tensors[name][place] += 0.25
        write_safetensors(files / "tiny" / "checkpoint.safetensors", tensors)

    return change


CHANGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "other ids": (lambda files: write_tokens(files / "pictures.safetensors", [sequence(np.random.default_rng(i), True) for i in range(30)]),
                  "--tokens pictures.safetensors", "--tokens ids.safetensors"),
    "the same ids in another shape": (
        lambda files: write_tokens(files / "pictures.safetensors", [sequence(np.random.default_rng(9), True)] * 2),
        "--tokens pictures.safetensors", "--tokens ids.safetensors"),
    "another norm": (retrain("model.norm.weight", (3,)), "--checkpoint tiny", "--checkpoint model"),
    "another embedding": (retrain("model.embed_tokens.weight", (20, 5)), "--checkpoint tiny", "--checkpoint model"),
}


@pytest.mark.parametrize("rename", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_run_does_not_resume_with_files_whose_content_changed(base: Path, tmp_path: Path, change: str, rename: bool) -> None:
    make, was, now = CHANGES[change]
    done = resumed(base, tmp_path, make, rename)
    assert_one_sentence(done, [f"was trained with {was}, and the content of {now if rename else was} is different"], "finetune")


def test_a_run_does_not_resume_with_another_image_decoder_or_picture_size(saved: Path, tmp_path: Path) -> None:
    written = checkpoints.llamagen(tmp_path / "c2i", text=False, size=None)
    tokens = write_tokens(tmp_path / "tokens.safetensors", [prompt + [3, 5] for prompt in written.prompts])
    common = ["--tokens", tokens, "--batch", 1, "--steps", 1]
    done = run_finetune(*written.arguments, *common)
    assert done.returncode == 0, done.stderr
    again = run_finetune(*written.arguments, *common, "--size", 384)
    assert "was trained with no --size, and this command has --size 384" in again.stderr
    vq = Path(written.arguments[written.arguments.index("--vq") + 1])
    tensors = {name: open_checkpoint(vq)[name].float32() for name in open_checkpoint(vq).names()}
    tensors[min(tensors)] += 1
    write_safetensors(tmp_path / "vq.safetensors", tensors)
    again = run_finetune(*[tmp_path / "vq.safetensors" if each == vq else each for each in written.arguments], *common)
    assert f"was trained with --vq {vq.name}, and the content of --vq vq.safetensors is different" in again.stderr


def edited(change: Callable[[dict], object]) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        content = torch.load(path)
        change(content)
        torch.save(content, path)

    return make


def bare(content: dict) -> None:
    content["optimizers"] = content["optimizers"][:0]


DAMAGED: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "no PyTorch file": (lambda path: path.write_text("weights"), ["cannot be read", "remove it"]),
    "nothing": (lambda path: path.write_bytes(b""), ["cannot be read", "remove it"]),
    "half a file": (lambda path: path.write_bytes(path.read_bytes()[:50000]), ["cannot be read", "remove it"]),
    "something else": (lambda path: torch.save([1, 2], path), ["everything is missing", "remove it"]),
    "a state without digests": (edited(lambda saved: saved.pop("digests")), ["digests is missing", "remove it"]),
    "a tensor of another shape": (edited(lambda saved: saved["model"].update(mean=torch.zeros(63))), ["does not fit", "mean differs"]),
    "a tensor too few": (edited(lambda saved: saved["model"].pop("levels.first.bias")), ["does not fit", "levels.first.bias differs"]),
    "no optimizer": (edited(bare), ["does not fit", "the optimizer differs"]),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_saved_state_that_cannot_be_used_is_named(base: Path, saved: Path, damage: str) -> None:
    make, words = DAMAGED[damage]
    assert run_finetune(*arguments(base, "--steps", 1)).returncode == 0
    make(saved / "sjd2.pt")
    done = run_finetune(*arguments(base, "--steps", 2))
    assert_one_sentence(done, [str(saved / "sjd2.pt"), *words], "finetune")
