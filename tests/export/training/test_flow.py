"""The training of the flow `shapes`: its pictures, its model under the official names, and resuming."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from harness.exports import run_export
from references import tarflow as reference
from training.flow import train
from training.flow.model import TarFlow, losses
from training.flow.shapes import CLASSES, draw

TINY = ["--batch", "2", "--patch", "8", "--blocks", "2", "--layers", "1"]


def test_pictures_are_in_range_and_depend_on_the_seed_alone() -> None:
    classes = torch.arange(len(CLASSES)).repeat(4)
    pictures = draw(classes, torch.Generator().manual_seed(1))
    assert pictures.shape == (32, 3, 32, 32)
    assert -1 <= pictures.min() and pictures.max() <= 1
    assert torch.equal(pictures, draw(classes, torch.Generator().manual_seed(1)))
    assert not torch.equal(pictures, draw(classes, torch.Generator().manual_seed(2)))


def test_classes_differ_in_shape_and_share_everything_else() -> None:
    """With the same random numbers, the background is the same and the shape is not. A ring is a disk with a hole."""
    pictures = torch.cat([draw(torch.tensor([number]), torch.Generator().manual_seed(3)) for number in range(len(CLASSES))])
    assert (pictures[:, :, 0, 0] == pictures[0, :, 0, 0]).all()
    covered = (pictures - pictures[0, :, 0, 0][None, :, None, None]).abs().sum(1) > 0.5
    for one in range(len(CLASSES)):
        assert 50 < covered[one].sum() < 500
        for other in range(one):
            assert (covered[one] != covered[other]).sum() > 30


def test_the_model_is_the_described_architecture_under_the_official_names() -> None:
    torch.manual_seed(0)
    model = TarFlow(side=8, patch=2, width=128, blocks=2, layers=2, classes=3)
    state = reference.random_state(128, 2, 2, 2, 8, 3)
    model.load_state_dict(state)
    pictures, labels = torch.randn(3, 3, 8, 8), torch.tensor([2, -1, 0])
    z, logarithms = model(pictures, labels)
    for row, label in enumerate([2, None, 0]):
        x = torch.nn.functional.unfold(pictures[row : row + 1], 2, stride=2)[0].T.double()
        total = 0.0
        for block in range(2):
            x = x.flip(0) if block % 2 else x
            s, u = reference.parameters(state, block, x, label)
            s, u = (torch.cat([torch.zeros_like(part[:1]), part[:-1]]) for part in (s, u))
            x, total = (x - u) * (-s).exp(), total - s.mean()
            x = x.flip(0) if block % 2 else x
        assert torch.allclose(z[row].double(), x, rtol=1e-4, atol=1e-4)
        assert logarithms[row].item() == pytest.approx(total.item(), abs=1e-4)


def test_a_token_depends_on_no_later_one() -> None:
    model = TarFlow(side=8, patch=2, width=64, blocks=1, layers=2, classes=3)
    model.load_state_dict(reference.random_state(64, 1, 2, 2, 8, 3))
    pictures = torch.randn(1, 3, 8, 8)
    changed = pictures.clone()
    changed[:, :, 4:6, 4:6] += 1  # the patch of token 10
    before, after = (model(each, torch.tensor([0]))[0] for each in (pictures, changed))
    assert torch.equal(before[:, :10], after[:, :10])
    assert (before[:, 11:] - after[:, 11:]).abs().max() > 1e-4


def test_losses_are_the_negative_log_likelihood_without_its_constant() -> None:
    z, logarithms = torch.full((1, 4, 3), 2.0), torch.tensor([0.5])
    assert losses(z, logarithms).item() == pytest.approx(0.5 * 4 - 0.5)


def test_an_interrupted_run_ends_as_one_without_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "shapes_model_8_64_2_1_0.10.pth"
    train.main([*TINY, "--steps", "4", "--folder", str(tmp_path / "whole")])

    saved = train.save

    def interrupt(path: Path, state: dict) -> None:
        saved(path, state)
        if path.suffix == ".pth" and state["var"].numel() and not (tmp_path / "stopped").exists():
            (tmp_path / "stopped").touch()
            raise KeyboardInterrupt

    monkeypatch.setattr(train, "SAVED", 2)
    monkeypatch.setattr(train, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train.main([*TINY, "--steps", "4", "--folder", str(tmp_path / "parts")])
    train.main([*TINY, "--steps", "4", "--folder", str(tmp_path / "parts")])
    whole, parts = (torch.load(tmp_path / folder / name) for folder in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[each], parts[each]) for each in whole)

    done = run_export("--checkpoint", tmp_path / "parts", "--out", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert (manifest["name"], manifest["flow"]["classes"], manifest["flow"]["noise"]) == ("shapes", list(CLASSES), 0.1)


def test_the_rate_rises_and_then_falls() -> None:
    shares = [train.share(step, 4000) for step in range(1, 4001)]
    assert shares[0] < 0.02 and shares[train.WARM - 1] == max(shares) and 0.009 < shares[-1] < 0.011
    assert all(before >= after for before, after in zip(shares[train.WARM - 1 :], shares[train.WARM :]))
