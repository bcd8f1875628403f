"""The things' pictures: downloaded once, packed into one file, and scaled to the sizes in scenes.

They are Microsoft's Fluent emoji in 3-D (MIT), from the npm package `@lobehub/fluent-emoji-3d`.
"""

from __future__ import annotations

import functools
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

PACKAGE = "@lobehub/fluent-emoji-3d@1.1.0"
HERE = Path(__file__).parent
INK = 0.88  # share of a sprite's side for the thing itself; its shadow needs the rest
SHADOW = 0.32  # opacity at the darkest


class Thing(NamedTuple):
    code: str  # the emoji's code points in hexadecimal, which name the picture's file
    names: tuple[tuple[str, str], ...]  # (singular, plural) of the noun, then of its synonyms


def plural_of(noun: str) -> str:
    """The regular plural of an English noun."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun.endswith(("potato", "tomato", "mango", "buffalo", "torpedo")):
        return noun + "es"
    return noun + "s"


@functools.cache
def things() -> tuple[Thing, ...]:
    """All things of things.txt, in the file's order."""
    found = []
    for line in (HERE / "things.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            code, names = line.split(" ", 1)
            pairs = [name.partition("|") for name in names.split("/")]
            found.append(Thing(code, tuple((one, many or plural_of(one)) for one, _, many in pairs)))
    return tuple(found)


def fetch(target: Path) -> None:
    """Downloads the package with npm, and writes the pictures of all things to `target`, an .npz of WebP files."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            files = {
                thing.code: np.frombuffer(archive.extractfile(f"package/assets/{thing.code}.webp").read(), np.uint8)
                for thing in things()
            }
    partial = target.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **files)
    partial.replace(target)


class Sprites:
    """The things' pictures with premultiplied alpha and a soft shadow."""

    def __init__(self, pack: Path) -> None:
        with np.load(pack) as files:
            self._images = [Image.open(io.BytesIO(files[thing.code].tobytes())).convert("RGBA") for thing in things()]
        self._images = [image.crop(image.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox()) for image in self._images]
        self.sprite = functools.cache(self._sprite)

    def _sprite(self, thing: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Premultiplied colors [size, size, 3] and the share of the background that stays visible [size, size, 1], both uint16.

        A color of 255 is 65,280, and a whole share is 256.
        """
        image = self._images[thing]
        scale = INK * size / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        premultiplied = np.asarray(image, np.float32)
        premultiplied = np.concatenate([premultiplied[..., :3] * premultiplied[..., 3:] / 255, premultiplied[..., 3:]], axis=2)
        resample = Image.BOX if scale < 0.5 else Image.LANCZOS
        planes = [Image.fromarray(premultiplied[..., i]).resize((width, height), resample) for i in range(4)]
        ink = np.clip(np.stack([np.asarray(plane) for plane in planes], axis=2), 0, 255)
        ink[..., :3] = np.minimum(ink[..., :3], ink[..., 3:])

        left, top = (size - width) // 2, (size - height) // 2 - round(0.02 * size)
        top = max(top, 0)
        canvas = np.zeros((size, size, 4), np.float32)
        canvas[top : top + height, left : left + width] = ink
        alpha = canvas[..., 3] / 255
        # The shadow is a little below the thing. It fades out at the rim, so that no edge shows.
        drop = round(0.045 * size)
        below = np.zeros_like(alpha)
        below[drop:] = alpha[: size - drop]
        blurred = Image.fromarray((below * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.035 * size))
        rim = np.minimum(np.arange(size), np.arange(size)[::-1]) / (0.06 * size)
        fade = np.clip(np.minimum(rim[:, None], rim[None]), 0, 1)
        shadow = np.asarray(blurred, np.float32) / 255 * SHADOW * fade
        stays = (1 - alpha) * (1 - shadow)
        return (canvas[..., :3] * 256 + 0.5).astype(np.uint16), (stays[..., None] * 256 + 0.5).astype(np.uint16)
