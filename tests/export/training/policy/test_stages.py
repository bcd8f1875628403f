"""The stages of the policy's training: what they learn from, and that a training that was stopped goes on as if it had not been."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training import checkpoints
from training.policy import distill, imitate, look, tokens
from training.policy.model import Policy, PolicyConfig
from training.policy.oracle import demonstrations
from training.policy.world import COLORS, Tables

SMALL = ["--batch", "2", "--save-every", "2"]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with checkpoints of all three stages after a few steps."""
    folder = tmp_path_factory.mktemp("stages")
    with pytest.MonkeyPatch.context() as patch:
        for stage in (imitate, distill):
            patch.setattr(stage, "episodes", lambda model, count, seed: (0.0, 0.0))
        run(patch, look, folder / "look.pt", 2)
        run(patch, imitate, folder / "imitate.pt", 2, "--vision", folder / "look.pt")
        run(patch, distill, folder / "distill.pt", 2, "--teacher", folder / "imitate.pt", "--prompts", "64",
            "--trajectories", folder / "trajectories.npz")
    return folder


def run(patch: pytest.MonkeyPatch, stage, checkpoint: Path, steps: int, *arguments: object) -> None:
    patch.setattr("sys.argv", ["stage", "--steps", str(steps), "--checkpoint", str(checkpoint), *SMALL, *map(str, arguments)])
    stage.main()


def test_each_stage_begins_with_the_weights_of_the_one_before(stages: Path) -> None:
    saved = [checkpoints.load(stages / f"{name}.pt")["model"] for name in ("look", "imitate", "distill")]
    for before, after in zip(saved, saved[1:]):
        changes = [(after[name] - before[name]).abs().max().item() for name in before]
        assert 0 < max(changes) < 0.1  # weights of another seed differ by more


def test_a_training_that_was_stopped_ends_like_one_that_was_not(stages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imitate, "episodes", lambda model, count, seed: (0.0, 0.0))
    vision = ["--vision", stages / "look.pt"]
    run(monkeypatch, imitate, tmp_path / "whole.pt", 4, *vision)
    with monkeypatch.context() as stopped:
        save = checkpoints.save

        def die(path: Path, state: dict) -> None:
            save(path, state)
            raise KeyboardInterrupt

        stopped.setattr(checkpoints, "save", die)
        with pytest.raises(KeyboardInterrupt):
            run(stopped, imitate, tmp_path / "parts.pt", 4, *vision)
    assert checkpoints.load(tmp_path / "parts.pt")["step"] == 2
    run(monkeypatch, imitate, tmp_path / "parts.pt", 4, *vision)
    whole, parts = (checkpoints.load(tmp_path / f"{name}.pt") for name in ("whole", "parts"))
    for part in ("model", "finder"):
        assert all(torch.equal(values, parts[part][name]) for name, values in whole[part].items())


@pytest.mark.parametrize("stage", [imitate, distill])
def test_a_stage_without_the_one_before_says_what_to_run(stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    option, before = ("--vision", "look") if stage is imitate else ("--teacher", "imitate")
    with pytest.raises(SystemExit, match=f"run training.policy.{before} first"):
        run(monkeypatch, stage, tmp_path / "none.pt", 1, option, tmp_path / "missing.pt")


def test_the_finder_reads_the_words_from_the_color_to_the_end_of_the_prompt() -> None:
    config = PolicyConfig()
    finder = look.Finder(config)
    model = Policy(config)
    text = torch.from_numpy(tokens.encode_text([f"put the {color} block on the pad" for color in COLORS]))
    tables, _ = demonstrations(1, tokens.CHUNK, np.random.default_rng(0))
    prompts = model.prompt(torch.from_numpy(tables.pictures().repeat(len(COLORS), axis=0)), text)
    differs = (prompts[1:] != prompts[:1]).any(dim=2).any(dim=0)
    assert differs.nonzero().flatten().tolist() == [finder.first]
    assert finder.end == prompts.shape[1]


def test_whereabouts_and_targets_say_where_things_are() -> None:
    tables = Tables.random(50, np.random.default_rng(3))
    places = look.whereabouts(tables)
    wanted = tables.blocks[np.arange(50), tables.wanted]
    np.testing.assert_allclose(places[:, 3:5], wanted, rtol=1e-6)
    np.testing.assert_allclose(places[:, 7:9], wanted - tables.gripper[:, :2], rtol=1e-5, atol=1e-7)
    present, on_table, _ = look.targets(tables, PolicyConfig())
    assert present.sum(axis=1)[:, -2:].min() == 1 and present.sum(axis=(1, 2)).tolist() == [4] * 50  # two blocks, pad and gripper
    for row in range(50):
        color = tables.colors[row, tables.wanted[row]]
        patch = present[row, :, color].argmax()
        np.testing.assert_allclose(on_table[row, patch, color] / 4 + 0.5, wanted[row], rtol=1e-5)
