"""The graph of Chameleon's image decoder, compared with NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from harness import chameleon_reference as reference
from harness.exports import Model
from sjdexport import contract


@pytest.fixture(scope="module", autouse=True)
def _loaded(model: Model, runner) -> None:
    runner.load("image", model.folder / contract.IMAGE_DECODER)


@pytest.mark.parametrize("shape", [(8, 8), (3, 5), (1, 1)])
def test_pixels_match_the_reference(model: Model, runner, shape: tuple[int, int]) -> None:
    codes = np.random.default_rng(3).integers(0, 32, shape)
    rgb = decode(runner, codes)
    want = (reference.ImageDecoder(model.weights)(codes).transpose(1, 2, 0) + 1) * 127.5
    assert rgb.shape == (1, *want.shape)
    # Values are truncated, as in Chameleon. A value within the tolerance of a whole level may be truncated to either side.
    error = rgb[0] - want
    assert error.min() > -1 - 255 * 1e-3 and error.max() < 255 * 1e-3
    assert (rgb[0] == np.floor(want)).mean() > 0.95


def test_every_code_gives_another_picture(runner) -> None:
    pictures = {decode(runner, np.full((1, 1), code)).tobytes() for code in range(32)}
    assert len(pictures) == 32


def decode(runner, codes: np.ndarray) -> np.ndarray:
    return runner.run("image", {contract.CODES: codes[None].astype(np.int64)}, [contract.RGB])[contract.RGB]
