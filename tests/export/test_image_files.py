"""Picture files of the program, read by Pillow: pixels, and the metadata where other programs look for it."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.runner import ROOT
from harness.sjd import Sjd

PROMPT = 'a 🦊 says "hi" & <leaves>\nSteps: 99, Seed: 666'
PARAMETERS = 'a 🦊 says "hi" & <leaves> Steps: 99, Seed: 666\nSteps: '
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
XMP_PROPERTY = "{urn:sjdonnx:1.0/}generation"


@pytest.fixture(scope="module")
def drawn(sjd: Sjd) -> Path:
    """The folder with one picture in all formats."""
    for name, *options in (["a.png"], ["a.jpg"], ["low.jpg", "--quality", 20], ["a.webp"], ["lossless.webp", "--lossless"]):
        run = sjd.run("generate", "--model", ROOT / "onnx-models" / "emoji", "--seed", 7, "--window", 8, "-o", name, *options, "--", PROMPT)
        assert run.returncode == 0, run.stderr
    return sjd.folder


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_pixels_are_the_same_in_all_formats(drawn: Path) -> None:
    png = pixels(drawn / "a.png")
    assert png.shape == (128, 128, 3) and len(np.unique(png)) > 100
    np.testing.assert_array_equal(pixels(drawn / "lossless.webp"), png)
    assert 0 < np.abs(pixels(drawn / "a.jpg") - png).mean() < 3 < np.abs(pixels(drawn / "low.jpg") - png).mean()
    assert 0 < np.abs(pixels(drawn / "a.webp") - png).mean() < 5


def test_png_contains_parameters_and_json(drawn: Path) -> None:
    with Image.open(drawn / "a.png") as image:
        image.load()
        assert list(image.text) == ["parameters", "sjdonnx"]
        assert image.text["parameters"].startswith(PARAMETERS)
        check(json.loads(image.text["sjdonnx"]))


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "lossless.webp"])
def test_jpeg_and_webp_contain_exif_and_xmp(drawn: Path, name: str) -> None:
    with Image.open(drawn / name) as image:
        comment = image.getexif().get_ifd(EXIF_IFD)[USER_COMMENT]
    assert comment[:8] == b"UNICODE\0" and comment[8:].decode("utf-16-be").startswith(PARAMETERS)

    packet = re.search(rb"<x:xmpmeta.*</x:xmpmeta>", (drawn / name).read_bytes(), re.DOTALL).group()
    check(json.loads(next(ET.fromstring(packet).iter(XMP_PROPERTY)).text))


def check(data: dict) -> None:
    request = data["request"]
    assert (request["prompt"], request["seed"], request["method"]) == (PROMPT, 7, "exact")
    assert (request["width"], request["height"]) == (128, 128)
