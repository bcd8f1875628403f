"""The checkpoints that fine-tuning writes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from harness import family_checkpoints as checkpoints
from harness.family_exports import SHUFFLED
from harness.fine_tuning import Case, logits, opened, trained
from sjdexport.sections import read_generation
from training.sjd2.model import SourceTransformer
from training.sjd2.noise import SCHEDULES, Schedule
from training.sjd2.write_back import denoising, weights_file, write_checkpoint

WRITTEN_BACK = ("lumina 34b", "anole", "chameleon 34b meta", "emu3", "llamagen c2i", "janus", "lumina2")


@pytest.mark.parametrize("case", WRITTEN_BACK, indirect=True)
def test_a_written_checkpoint_gives_the_logits_of_the_trained_model(case: Case, tmp_path: Path) -> None:
    model, given = trained(case), case.given
    path, generation = case.written.arguments[1], case.family.generation()
    decoding = {"method": "sjd2", "window": 12, "initialization": "uniform"}
    write_checkpoint(tmp_path / "out", given, path.is_dir(), model, decoding, steps=4)
    again = opened(dataclasses.replace(case.written, arguments=["--checkpoint", tmp_path / "out", *case.written.arguments[2:]]))
    transformer = SourceTransformer(again[1], again[0].checkpoint)
    np.testing.assert_array_equal(logits(transformer, case.sequences[0]), logits(model.transformer, case.sequences[0]))
    assert again[1].generation() == generation  # which is read from the documents that were copied
    assert again[0].sections["decoding"] == decoding and again[0].sections["denoising"] == {
        **denoising(Schedule("cosine"), "added", 4), "levels": "untold"}

    before, after = given.checkpoint, again[0].checkpoint
    added = {f"denoising.{name}" for name in model.state_dict() if not name.startswith("transformer.")}
    assert set(after.names()) - set(before.names()) == added
    for name in before.names():
        assert (after[name].dtype, after[name].shape) == (before[name].dtype, before[name].shape)
        if model.transformer.stored(before[name]) is before[name]:
            assert after[name].raw().tobytes() == before[name].raw().tobytes(), name
        else:
            assert after[name].raw().tobytes() != before[name].raw().tobytes(), name


@pytest.mark.parametrize("case", ["anole", "emu3"], indirect=True)
def test_trained_rows_of_codes_are_written_to_their_places(case: Case) -> None:
    """Anole's checkpoint has the codes in another order. Of its head and of Emu3's only the rows of codes are trained."""
    model = trained(case)
    codes, first, head = case.transformer.shape.codes, case.written.first_code, case.given.checkpoint["lm_head.weight"]
    order = SHUFFLED if case.family.name == "chameleon" else list(range(codes))
    rows = [first + order.index(code) for code in range(codes)]
    last = next(p for name, p in model.transformer.named_parameters() if name.startswith("lm_head.weight."))
    after = model.transformer.stored(head).float32()
    np.testing.assert_array_equal(after[rows], last.detach().numpy())
    others = np.setdiff1d(np.arange(len(after)), rows)
    np.testing.assert_array_equal(after[others], head.float32()[others])
    embedding = case.given.checkpoint["model.embed_tokens.weight"]
    ids = torch.tensor([[first + code for code in range(codes)]])
    np.testing.assert_array_equal(model.transformer.stored(embedding).float32()[rows], model.transformer.embed(ids)[0].detach().numpy())


def test_a_single_file_of_weights_keeps_its_name_and_several_become_one_file(tmp_path: Path) -> None:
    """The name of LlamaGen's file contains the size of its pictures."""
    written = checkpoints.llamagen(tmp_path / "c2i", text=False, size=None)
    assert weights_file(opened(written)[0], tmp_path / "out").name == "c2i_B_256.safetensors"
    assert weights_file(opened(checkpoints.emu3(tmp_path / "emu3"))[0], tmp_path / "out").name == "checkpoint.safetensors"


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_exporter_accepts_the_table_of_each_schedule(tmp_path: Path, schedule: str) -> None:
    (tmp_path / "generation.json").write_text(json.dumps({"denoising": denoising(Schedule(schedule), "added", 3)}))
    section = read_generation(tmp_path / "generation.json")["denoising"]
    assert len(section["alpha"]) == len(section["sigma"]) == (26 if schedule == "karras" else 25)
    assert (section["alpha"][-1], section["sigma"][-1]) == (0, 1)
