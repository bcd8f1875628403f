"""The noise that SJD2's fine-tuning adds."""

from __future__ import annotations

import pytest
import torch

from training.sjd2.noise import SCHEDULES, Levels, Normalization, Schedule, noisy, published_levels, segment_levels


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_schedule_starts_with_only_the_signal_and_ends_with_only_noise(kind: str) -> None:
    schedule, level = Schedule(kind), torch.linspace(0, 1, 101)
    alpha, sigma = schedule.alpha(level), schedule.sigma(level)
    assert (alpha[0], sigma[0]) == (1, 0)
    assert alpha[-1] == pytest.approx(0, abs=1e-6) and sigma[-1] == pytest.approx(1)
    assert (alpha.diff() < 0).all() and (sigma.diff() > 0).all()


def test_normalized_embeddings_have_mean_0_and_deviation_1() -> None:
    torch.manual_seed(0)
    embeddings = 3 + 0.1 * torch.randn(500, 8) * torch.arange(1, 9)
    normalization = Normalization.of(embeddings)
    normalized = normalization.apply(embeddings)
    assert normalized.mean(dim=0).abs().max() < 1e-4
    assert (normalized.std(dim=0) - 1).abs().max() < 1e-4
    assert torch.allclose(normalization.undo(normalized), embeddings, atol=1e-5)


def test_embeddings_at_level_0_stay_unchanged() -> None:
    torch.manual_seed(0)
    clean, levels = torch.randn(2, 6, 8), Levels(8)
    torch.nn.init.normal_(levels.second.weight)
    level = torch.tensor([[0, 0, 0.5, 1, 0, 0.2], [0] * 6])
    mixed = noisy(clean, level, Schedule("shifted"), Normalization.of(clean.flatten(0, 1)), levels)
    assert torch.equal(mixed[level == 0], clean[level == 0])
    assert (mixed[level > 0] - clean[level > 0]).abs().min() > 0


def test_embeddings_at_level_1_do_not_depend_on_the_code() -> None:
    normalization = Normalization(torch.zeros(4), torch.ones(4))
    drawn = []
    for code in (-100.0, 100.0):
        torch.manual_seed(5)
        drawn.append(noisy(torch.full((1, 3, 4), code), torch.ones(1, 3), Schedule("linear"), normalization, None))
    assert torch.allclose(*drawn, atol=1e-4)


def test_only_image_codes_get_noise_in_training_and_a_quarter_of_sequences_stay_clean() -> None:
    torch.manual_seed(0)
    codes = torch.rand(200, 64) < 0.9
    levels, weights = segment_levels(codes)
    assert ((levels >= 0) & (levels <= 1)).all()
    assert (levels[~codes] == 0).all()
    clean = (levels == 0).all(dim=1).float().mean()
    assert 0.15 < clean < 0.4  # one in four, and those whose window begins at the very end
    assert (levels == 1).any() and ((levels > 0) & (levels < 0.2)).any()
    assert (weights[levels < 1] == 1).all() and ((weights > 0) & (weights <= 1)).all()


def test_levels_of_the_published_recipe_rise_by_segments_and_fall_back_to_0_once() -> None:
    torch.manual_seed(0)
    codes = torch.rand(100, 200) < 0.9
    levels, weights = published_levels(codes)
    assert (levels[~codes] == 0).all() and (weights == 1).all()
    falls = torch.tensor([int((row[marks].diff() < 0).sum()) for row, marks in zip(levels, codes)])
    assert set(falls.tolist()) == {0, 1} and falls.sum() > 60
    assert all((row[marks][1:][row[marks].diff() < 0] == 0).all() for row, marks in zip(levels, codes))
    seen = torch.unique(levels)
    assert torch.allclose(seen, torch.arange(26) / 25)
    lengths = torch.unique_consecutive(levels[0][codes[0]], return_counts=True)[1]
    assert 1 <= lengths.min() < lengths.max()


def test_the_published_schedule_has_the_levels_of_karras() -> None:
    t = Schedule("karras").sigma(torch.arange(26) / 25)
    roots = t[1:].double() ** (1 / 7)
    assert t[1] == pytest.approx(0.002) and roots.diff().numpy() == pytest.approx((1 - 0.002 ** (1 / 7)) / 24, rel=1e-4)
