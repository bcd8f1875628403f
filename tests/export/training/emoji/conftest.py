"""Stand-ins for the pictures of the things: only training downloads the real ones."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.emoji.sprites import Sprites, things


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as `fetch` writes it. The picture of each thing is a disc and four bars with random colors and positions."""
    random = np.random.default_rng(3)
    files = {}
    for thing in things():
        image = Image.new("RGBA", (64, 64))
        pen = ImageDraw.Draw(image)
        pen.ellipse((4, 4, 60, 60), fill=(*random.integers(0, 256, 3).tolist(), 255))
        for _ in range(4):
            left, top = random.integers(6, 40, 2).tolist()
            width, height = random.integers(6, 20, 2).tolist()
            pen.rectangle((left, top, left + width, top + height), fill=(*random.integers(0, 256, 3).tolist(), 255))
        stream = io.BytesIO()
        image.save(stream, "PNG")
        files[thing.code] = np.frombuffer(stream.getvalue(), np.uint8)
    path = tmp_path_factory.mktemp("sprites") / "sprites.npz"
    np.savez(path, **files)
    return path


@pytest.fixture(scope="session")
def sprites(pack: Path) -> Sprites:
    return Sprites(pack)
