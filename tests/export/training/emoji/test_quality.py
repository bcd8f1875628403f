"""The measures of how well an autoencoder reconstructs pictures."""

from __future__ import annotations

import numpy as np
import pytest

from training.emoji.quality import figures, halved, psnr, sharpness, ssim
from training.emoji.scenes import draw, random_scene


@pytest.fixture(scope="module")
def pictures(sprites) -> np.ndarray:
    random = np.random.default_rng(2)
    return np.stack([draw(random_scene(random), sprites) for _ in range(4)])


def blurred(pictures: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(halved(halved(pictures)), 4, axis=1), 4, axis=2)


def test_a_perfect_reconstruction_has_ssim_1_and_sharpness_1(pictures):
    assert ssim(pictures[0, ..., 0], pictures[0, ..., 0]) == pytest.approx(1)
    assert sharpness(pictures[0, ..., 0], pictures[0, ..., 0]) == pytest.approx(1)


def test_psnr_is_computed_from_the_mean_squared_error():
    true = np.full((1, 8, 8, 3), 100, np.uint8)
    assert psnr(true + 10, true) == pytest.approx(20 * np.log10(255 / 10))


def test_more_blur_lowers_every_measure(pictures):
    near, far = figures(halved(pictures).repeat(2, axis=1).repeat(2, axis=2), pictures), figures(blurred(pictures), pictures)
    assert all(far[name] < near[name] for name in ("psnr", "ssim", "sharpness")) and near["ssim"] < 1 > near["sharpness"]


def test_a_softened_edge_has_a_sharpness_below_one():
    true = np.zeros((16, 16))
    true[:, 8:] = 200
    soft = true.copy()
    soft[:, 7:9] = 66, 133
    assert sharpness(soft, true) < 0.9
