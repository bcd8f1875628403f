"""The image decoder's graph against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Model

import reference
from sjdexport import contract


@pytest.fixture(scope="module", autouse=True)
def _loaded(model: Model, runner) -> None:
    runner.load("image", model.folder / contract.IMAGE_DECODER)


@pytest.mark.parametrize("shape", [(8, 8), (3, 5), (1, 1)])
def test_pixels_match_reference(model: Model, runner, shape: tuple[int, int]) -> None:
    codes = np.random.default_rng(3).integers(0, 32, shape)
    rgb = decode(runner, codes)
    want = (reference.ImageDecoder(model.weights)(codes).transpose(1, 2, 0) + 1) * 127.5
    assert rgb.shape == (1, *want.shape)
    # Truncated, as Chameleon does; a value that comes out within the tolerance of a whole level may fall on either side.
    error = rgb[0] - want
    assert error.min() > -1 - 255 * 1e-3 and error.max() < 255 * 1e-3
    assert (rgb[0] == np.floor(want)).mean() > 0.95


def test_every_code_decodes(runner) -> None:
    pictures = {decode(runner, np.full((1, 1), code)).tobytes() for code in range(32)}
    assert len(pictures) == 32


def decode(runner, codes: np.ndarray) -> np.ndarray:
    return runner.run("image", {contract.CODES: codes[None].astype(np.int64)}, [contract.RGB])[contract.RGB]
