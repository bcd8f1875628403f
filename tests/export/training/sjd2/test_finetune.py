"""Whole runs of finetune.py, from a file of ids to the exported graphs."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from harness import family_checkpoints as checkpoints
from harness import tiny
from harness.exports import Model, assert_one_sentence, run_export
from harness.family_exports import WRITERS
from harness.fine_tuning import CODES, FIRST_CODE, ROW_END, arguments, run_finetune, sequence, write_array, write_tokens
from harness.lanes import Lanes
from harness.runner import Runner
from sjdexport import contract
from sjdexport.denoising import timestep_encoding
from sjdexport.exporter import open_family
from sjdexport.safetensors import read_header, write_safetensors
from sjdexport.sections import read_generation
from training.sjd2 import finetune
from training.sjd2.model import Denoiser, SourceTransformer
from training.sjd2.noise import Schedule
from training.sjd2.write_back import denoising


@pytest.mark.parametrize(("optimizer", "levels"), [("muon", "added"), ("adamw", "untold")])
def test_an_interrupted_run_resumes_and_ends_with_the_same_weights(
    base: Path, saved: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, levels: str) -> None:
    monkeypatch.setattr(finetune, "SAVE", 1)
    common = arguments(base, "--optimizer", optimizer, "--levels", levels, "--rate", 0.005, "--steps", 4)
    assert run_finetune(*common, "--name", "whole").returncode == 0

    taken, take_step = [], finetune.take_step

    def interrupted(*parts: object) -> dict[str, float]:
        if len(taken) == 2:
            raise KeyboardInterrupt
        taken.append(1)
        return take_step(*parts)

    with monkeypatch.context() as patch:
        patch.setattr(finetune, "take_step", interrupted)
        done = run_finetune(*common, "--name", "parts")
    assert done.returncode == 130 and "the same command resumes it" in done.stderr and not (saved / "parts").exists()
    assert torch.load(saved / "parts.pt")["step"] == 2
    done = run_finetune(*common, "--name", "parts")
    assert done.returncode == 0 and "\n4  {" in f"\n{done.stdout}" and "0  {" not in done.stdout
    whole, parts = ((saved / name / "checkpoint.safetensors").read_bytes() for name in ("whole", "parts"))
    assert whole == parts != (base / "checkpoint.safetensors").read_bytes()
    assert any(name.startswith("denoising.levels.") for name in read_header(saved / "parts" / "checkpoint.safetensors")) == (
        levels == "added")


def test_training_on_one_picture_lowers_its_loss_with_and_without_noise(base: Path, tmp_path: Path) -> None:
    tokens = write_tokens(tmp_path / "one.safetensors", [sequence(np.random.default_rng(1), True)] * 4)
    done = run_finetune("--checkpoint", base, "--tokens", tokens, "--batch", 4, "--steps", 30, "--optimizer", "adamw", "--rate", 0.01)
    before, after = (json.loads(line.split("  ")[1]) for line in done.stdout.splitlines()[:2])
    assert after["clean"] < 0.5 * before["clean"] and after["<=0.5"] < 0.7 * before["<=0.5"]


def test_the_exported_graph_reads_noisy_embeddings_as_the_trained_model_does(
    base: Path, saved: Path, runner: Runner, tmp_path: Path) -> None:
    done = run_finetune(
        *arguments(base, "--steps", 3, "--optimizer", "muon", "--denoising-steps", 4, "--window", 12, "--out", tmp_path / "out"))
    model = os.path.relpath(finetune.MODELS / "sjd2")
    assert done.returncode == 0 and f"export.py --checkpoint {tmp_path / 'out'} --out {model} --precision int8" in done.stdout
    exported = run_export("--checkpoint", tmp_path / "out", "--out", tmp_path / "out", "--precision", "fp32", "--pictures", "")
    assert exported.returncode == 0, exported.stderr
    exported = Model(tmp_path / "out", runner)
    assert exported.manifest["denoising"] == {
        **denoising(Schedule("cosine"), "added", 4), "hidden": 64, "normalization": "channel", "levels": "added"}
    assert exported.manifest["decoding"] == {"method": "sjd2", "window": 12, "initialization": "uniform"}

    given, family = open_family(None, base, None, None, None)
    model = Denoiser(SourceTransformer(family, given.checkpoint), FIRST_CODE, Schedule("cosine"), levels="added")
    model.load_state_dict(torch.load(saved / "sjd2.pt")["model"])
    random = np.random.default_rng(4)
    ids, level = sequence(random, True)[:40], np.where(random.random(40) < 0.6, random.random(40), 0).astype(np.float32)
    before = random.normal(0, 1, (40, 64)).astype(np.float32)
    with torch.no_grad():
        clean, at = model.transformer.embed(torch.tensor([ids])), torch.from_numpy(level)[None]
        read = torch.where(at[..., None] > 0, torch.from_numpy(before) * model.std + model.mean + model.levels(at), clean)
        want, plain = model.transformer.predict(read)[0].numpy(), model.transformer.predict(clean)[0].numpy()
        assert model.levels(at).abs().max() > 0
    noise = np.concatenate([before] * 2), np.tile(np.column_stack([np.ones(40), np.zeros(40), level]), (2, 1))
    got = exported.lanes("fp32").run([ids, ids], noise=noise).reshape(2, 40, CODES)
    np.testing.assert_allclose(got, np.stack([want, want]), rtol=1e-4, atol=1e-4)
    assert np.abs(want - plain).max() > 0.1


def test_the_exported_graph_reads_timestep_tokens_as_the_model_of_the_published_recipe_does(
    base: Path, saved: Path, runner: Runner) -> None:
    """A cached prompt, clean codes, the timestep tokens of all noisy codes, and these codes with a row end among them."""
    done = run_finetune(*arguments(base, "--steps", 3, "--optimizer", "muon", "--recipe", "published"))
    assert done.returncode == 0, done.stderr
    exported = run_export("--checkpoint", saved / "sjd2", "--out", saved / "sjd2", "--precision", "fp32", "--pictures", "")
    assert exported.returncode == 0, exported.stderr
    exported = Model(saved / "sjd2", runner)
    assert exported.manifest["denoising"] == {
        **denoising(Schedule("karras"), "token", 25), "hidden": 64, "normalization": "channel", "levels": "token"}
    assert exported.manifest["decoding"]["method"] == "sjd2-published" and exported.manifest["decoding"]["window"] == 96

    given, family = open_family(None, base, None, None, None)
    model = Denoiser(SourceTransformer(family, given.checkpoint), FIRST_CODE, Schedule("karras"), levels="token")
    model.load_state_dict(torch.load(saved / "sjd2.pt")["model"])
    random, cached, clean = np.random.default_rng(4), 9, 15
    ids = sequence(random, True)[:40]
    is_code = np.array([FIRST_CODE <= id < FIRST_CODE + CODES for id in ids])
    level = np.where(is_code & (np.arange(40) >= clean), np.sort(random.integers(1, 26, 40)) / 25, 0).astype(np.float32)
    before = random.normal(0, 1, (40, 64)).astype(np.float32)
    with torch.no_grad():
        embedded, at = model.transformer.embed(torch.tensor([ids])), torch.from_numpy(level)[None]
        read = torch.where(at[..., None] > 0, torch.from_numpy(before) * model.std + model.mean, embedded)
        want = model.transformer.predict(read, model.timesteps(at))[0].numpy()
        untold = model.transformer.predict(read)[0].numpy()

    noisy = np.flatnonzero(level)
    t = Schedule("karras").sigma(torch.from_numpy(level[noisy])).tolist()
    told = np.array([timestep_encoding(each, 64) for each in t])
    count, first = len(noisy), int(noisy[0])
    tokens = [*ids[cached:first], *[0] * count, *ids[first:]]
    chain = [*range(-1, first - cached - 1), *[-1] * count, first - cached - 1, *range(first - cached + count, len(tokens) - 1)]
    embeddings = np.concatenate([before[cached:first], told, before[first:]])
    levels = np.concatenate([level[cached:first], level[noisy], level[first:]])
    steps = np.column_stack([levels > 0, 0 * levels, levels])
    tree = exported.tree("fp32")
    tree.run_tree([ids[:cached]] * 2, [list(range(-1, cached - 1))] * 2)
    got = tree.run_tree(
        [tokens] * 2, [chain] * 2, (np.concatenate([embeddings] * 2), np.concatenate([steps] * 2)),
        {int(place) - cached + count: first - cached + i for i, place in enumerate(noisy)}).reshape(2, len(tokens), CODES)
    rows = [*range(first - cached), *range(first - cached + count, len(tokens))]
    np.testing.assert_allclose(got[:, rows], np.stack([want[cached:]] * 2), rtol=1e-4, atol=1e-4)
    assert np.abs(want - untold).max() > 0.01


@pytest.mark.parametrize("name", ["emu3", "llamagen c2i", "janus"])
def test_other_families_are_fine_tuned_and_exported(name: str, saved: Path, runner: Runner, tmp_path: Path) -> None:
    """After one step, the exported graph gives almost the logits from before training."""
    written = WRITERS[name](tmp_path / "checkpoint")
    codes, picture = checkpoints.CODES, np.random.default_rng(2)
    sequences = [prompt + [written.first_code + code for code in picture.integers(0, codes, 12)] for prompt in written.prompts * 3]
    tokens = write_tokens(tmp_path / "tokens.safetensors", sequences)
    done = run_finetune(*written.arguments, "--tokens", tokens, "--batch", 2, "--steps", 1, "--name", "one")
    assert done.returncode == 0, done.stderr
    given = [str(argument) for argument in written.arguments[2:]]
    assert " ".join(
        ["export.py --checkpoint", str(saved / "one"), *given, f"--out {os.path.relpath(finetune.MODELS / 'one')}"]) in done.stdout
    exported = run_export("--checkpoint", saved / "one", *given, "--out", tmp_path / "model", "--precision", "fp32", "--pictures", "")
    assert exported.returncode == 0, exported.stderr
    runner.load(f"tuned {name}", tmp_path / "model" / contract.transformer_graph("fp32"))
    lanes = Lanes(runner, f"tuned {name}", json.loads((tmp_path / "model" / "model.json").read_text()), "fp32")
    want = np.concatenate([written.logits(ids).numpy() for ids in sequences[:2]])
    got = lanes.run(sequences[:2])
    assert 0 < np.abs(got - want).max() < 0.05


def test_a_finished_run_writes_its_folder_again_with_new_decoding_options(base: Path, saved: Path) -> None:
    assert run_finetune(*arguments(base, "--steps", 1)).returncode == 0
    weights = (saved / "sjd2" / "checkpoint.safetensors").read_bytes()
    done = run_finetune(*arguments(base, "--steps", 1, "--denoising-steps", 2, "--window", 24))
    assert done.returncode == 0 and (saved / "sjd2" / "checkpoint.safetensors").read_bytes() == weights
    sections = read_generation(saved / "sjd2" / "generation.json")
    assert sections["denoising"]["steps"] == 2 and sections["decoding"]["window"] == 24


# --- Bad input ------------------------------------------------------------------------------------------------------

def spoiled(change: Callable[[list[list[int]]], object]) -> Callable[[Path, Path], list[object]]:
    """Writes a file of ids after a change to its sequences."""

    def make(base: Path, folder: Path) -> list[object]:
        sequences = [sequence(np.random.default_rng(i), True) for i in range(5)]
        change(sequences)
        return ["--tokens", write_tokens(folder / "spoiled.safetensors", sequences)]

    return make


def tokens_of(write: Callable[[Path], object]) -> Callable[[Path, Path], list[object]]:
    def make(base: Path, folder: Path) -> list[object]:
        write(folder / "spoiled.safetensors")
        return ["--tokens", folder / "spoiled.safetensors"]

    return make


def fine_tuned(base: Path, folder: Path) -> list[object]:
    tiny.write_checkpoint(folder / "noisy", denoising=True)
    return ["--checkpoint", folder / "noisy"]


def other_weights(base: Path, folder: Path) -> list[object]:
    (folder / "full").mkdir()
    shutil.copyfile(base / "checkpoint.safetensors", folder / "full" / "other.safetensors")
    return ["--out", folder / "full"]


def same_codes(base: Path, folder: Path) -> list[object]:
    shutil.copytree(base, folder / "same")
    tensors = {name: np.array(t.raw()) for name, t in read_header(base / "checkpoint.safetensors").items()}
    tensors["model.embed_tokens.weight"][FIRST_CODE : FIRST_CODE + CODES, 9] = 0.25
    write_safetensors(folder / "same" / "checkpoint.safetensors", tensors)
    return ["--checkpoint", folder / "same"]


def encoded_text(base: Path, folder: Path) -> list[object]:
    return checkpoints.llamagen(folder / "t2i", text=True).arguments[:4] + ["--size", 64]


BAD: dict[str, tuple[Callable[[Path, Path], list[object]], list[str]]] = {
    "no such checkpoint": (lambda b, f: ["--checkpoint", f / "nothing"], ["nothing does not exist"]),
    "no checkpoint": (lambda b, f: ["--checkpoint", write_tokens(f / "weights.safetensors")], ["belongs to no known family", "--family"]),
    "an unknown family": (lambda b, f: ["--family", "gpt"], ["unknown family 'gpt'", "chameleon"]),
    "another family": (lambda b, f: ["--family", "emu3"], ["not emu3"]),
    "a text encoder": (encoded_text, ["text encoder", "cannot be fine-tuned"]),
    "fine-tuned before": (fine_tuned, ["denoising.", "already fine-tuned", "made from"]),
    "codes that are all the same": (same_codes, ["channel 9", "normalized"]),
    "into the checkpoint": (lambda b, f: ["--out", b], ["the checkpoint itself"]),
    "among other weights": (other_weights, ["other.safetensors", "another folder"]),
    "into a file": (lambda b, f: ["--out", write_tokens(f / "file.safetensors")], ["file.safetensors", "give a folder"]),
    "no such tokens": (lambda b, f: ["--tokens", f / "nothing.safetensors"], ["nothing.safetensors", "No such file"]),
    "tokens that are something else": (tokens_of(lambda path: path.write_text("ids")), ["spoiled.safetensors", "safetensors file"]),
    "tokens without ids": (
        tokens_of(lambda path: write_array(path, "tokens", np.zeros((3, 9), "<i4"))), ["no tensor ids", "it has tokens"]),
    "tokens in a row": (tokens_of(lambda path: write_array(path, "ids", np.zeros(9, "<i4"))), ["ids is I32 [9]", "[sequences, tokens]"]),
    "one sequence": (tokens_of(lambda path: write_array(path, "ids", np.zeros((1, 9), "<i4"))), ["ids is I32 [1, 9]", "2 or more"]),
    "long tokens": (tokens_of(lambda path: write_array(path, "ids", np.zeros((3, 9), "<i8"))), ["ids is I64", "I32"]),
    "ids of another model": (spoiled(lambda s: s[3].__setitem__(2, 5000)), ["ids has 5000", "vocabulary ends at 311"]),
    "a hole": (spoiled(lambda s: s[2].__setitem__(7, -1)), ["sequence 2", "has an id after a negative one"]),
    "no codes": (spoiled(lambda s: s[4].__setitem__(slice(1, None), [39] * 20)), ["sequence 4", "no image codes to predict", "4 to 35"]),
    "a code that nothing is before": (spoiled(lambda s: s[1].__setitem__(slice(None), [5, 39])), ["sequence 1", "no image codes"]),
    "too long": (spoiled(lambda s: s[1].extend([ROW_END] * 80)), ["sequence 1", "is longer than 128 tokens"]),
    "no steps": (lambda b, f: ["--steps", 0], ["--steps is 0"]),
    "no denoising steps": (lambda b, f: ["--denoising-steps", 0], ["--denoising-steps is 0", "1 or more"]),
    "a window past the engine's": (lambda b, f: ["--window", 1025], ["--window is 1025", "at most 1024"]),
    "denoising steps past the engine's": (
        lambda b, f: ["--denoising-steps", 2000, "--window", 1024], ["--denoising-steps is 2000", "at most 1024"]),
    "more denoising steps than drafts": (lambda b, f: ["--denoising-steps", 9, "--window", 8], ["--denoising-steps is 9 and --window 8"]),
    "a schedule beside the published one": (
        lambda b, f: ["--recipe", "published", "--schedule", "linear"], ["--schedule is linear", "leave --schedule out"]),
    "added levels in the published recipe": (
        lambda b, f: ["--recipe", "published", "--levels", "added"], ["--levels is added", "leave --levels out"]),
    "a rate of 0": (lambda b, f: ["--rate", 0], ["--rate is 0"]),
    "a rate that is no number": (lambda b, f: ["--rate", "nan"], ["--rate is nan"]),
    "a path for a name": (lambda b, f: ["--name", "a/b"], ["--name is 'a/b'"]),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_refused_with_one_sentence_before_training(base: Path, saved: Path, tmp_path: Path, bad: str) -> None:
    make, words = BAD[bad]
    done = run_finetune(*arguments(base, "--steps", 1, *make(base, tmp_path)))
    assert_one_sentence(done, words, "finetune")
    assert list(saved.iterdir()) == []


def test_a_model_other_than_the_built_in_one_needs_a_file_of_ids(base: Path) -> None:
    done = run_finetune("--checkpoint", base)
    assert_one_sentence(
        done, ["scenes to train on are only known for the built-in model: give a file of token ids with --tokens."], "finetune")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full, a device that is always full, exists on Linux only")
def test_a_full_disk_ends_a_run_with_a_message(base: Path, saved: Path) -> None:
    """PyTorch's own writer would abort the process."""
    (saved / "sjd2.partial").symlink_to("/dev/full")
    done = run_finetune(*arguments(base, "--steps", 1))
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == f"finetune: {saved / 'sjd2.pt'}: No space left on device."
    assert not (saved / "sjd2.pt").exists() and not (saved / "sjd2").exists()


@pytest.mark.parametrize(("part", "error", "expected"), [  # errors of open files name no file
    (
        "training.sjd2.write_back.write_safetensors", OSError(errno.ENOSPC, "No space left on device"),
        "{saved}/sjd2: No space left on device."),
    ("training.sjd2.sequences.read_header", OSError(errno.EIO, "Input/output error"), "Input/output error."),
])
def test_an_error_while_writing_names_the_output_and_one_while_reading_does_not(
    base: Path, saved: Path, monkeypatch: pytest.MonkeyPatch, part: str, error: OSError, expected: str) -> None:
    def fail(*_: object) -> None:
        raise type(error)(*error.args)

    monkeypatch.setattr(part, fail)
    done = run_finetune(*arguments(base, "--steps", 1))
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == f"finetune: {expected.format(saved=saved)}"
