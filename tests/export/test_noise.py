"""The noise that SJD2's fine-tuning adds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (Debian: python3-torch)")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "export" / "sjd2"))

from noise import SCHEDULES, Levels, Normalisation, Schedule, noisy, segment_levels  # noqa: E402


@pytest.mark.parametrize("kind", SCHEDULES)
def test_schedules_go_from_the_code_to_noise(kind: str) -> None:
    schedule, level = Schedule(kind), torch.linspace(0, 1, 101)
    alpha, sigma = schedule.alpha(level), schedule.sigma(level)
    assert (alpha[0], sigma[0]) == (1, 0)
    assert alpha[-1] == pytest.approx(0, abs=1e-6) and sigma[-1] == pytest.approx(1)
    assert (alpha.diff() < 0).all() and (sigma.diff() > 0).all()


def test_normalised_embeddings_have_no_mean_and_a_deviation_of_one() -> None:
    torch.manual_seed(0)
    embeddings = 3 + 0.1 * torch.randn(500, 8) * torch.arange(1, 9)
    normalisation = Normalisation.of(embeddings)
    normalised = normalisation.apply(embeddings)
    assert normalised.mean(dim=0).abs().max() < 1e-4
    assert (normalised.std(dim=0) - 1).abs().max() < 1e-4
    assert torch.allclose(normalisation.undo(normalised), embeddings, atol=1e-5)


def test_what_is_clean_stays_as_it_is() -> None:
    torch.manual_seed(0)
    clean, levels = torch.randn(2, 6, 8), Levels(8)
    torch.nn.init.normal_(levels.second.weight)
    level = torch.tensor([[0, 0, 0.5, 1, 0, 0.2], [0] * 6])
    mixed = noisy(clean, level, Schedule("shifted"), Normalisation.of(clean.flatten(0, 1)), levels)
    assert torch.equal(mixed[level == 0], clean[level == 0])
    assert (mixed[level > 0] - clean[level > 0]).abs().min() > 0


def test_noise_alone_tells_nothing_of_the_code() -> None:
    normalisation = Normalisation(torch.zeros(4), torch.ones(4))
    drawn = []
    for code in (-100.0, 100.0):
        torch.manual_seed(5)
        drawn.append(noisy(torch.full((1, 3, 4), code), torch.ones(1, 3), Schedule("linear"), normalisation, None))
    assert torch.allclose(*drawn, atol=1e-4)


def test_levels_of_training_are_levels_of_codes() -> None:
    torch.manual_seed(0)
    codes = torch.rand(200, 64) < 0.9
    levels, weights = segment_levels(codes)
    assert ((levels >= 0) & (levels <= 1)).all()
    assert (levels[~codes] == 0).all()
    clean = (levels == 0).all(dim=1).float().mean()
    assert 0.15 < clean < 0.4  # one in four, and those whose window begins at the very end
    assert (levels == 1).any() and ((levels > 0) & (levels < 0.2)).any()
    assert (weights[levels < 1] == 1).all() and ((weights > 0) & (weights <= 1)).all()
