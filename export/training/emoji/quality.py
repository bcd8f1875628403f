"""Measures how well an autoencoder reconstructs held-out scenes: PSNR, SSIM, sharpness of edges, and how many codes are in use.

    cd export
    python3 -m training.emoji.quality --folder /tmp/training --name decoder --sheet /tmp/reconstructions.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from .scenes import draw, random_scene
from .sprites import Sprites
from .train import Run

EDGE = 24.0  # brightness levels per pixel, from which a slope counts as an edge


def psnr(made: np.ndarray, true: np.ndarray) -> float:
    """In dB, of pixels in 0..255."""
    return float(10 * np.log10(255**2 / np.square(made.astype(np.float64) - true).mean()))


def ssim(made: np.ndarray, true: np.ndarray) -> float:
    """Mean structural similarity (Wang et al., 2004) of two gray pictures [H, W] in 0..255, with windows of 8 x 8 pixels."""

    def means(values: np.ndarray) -> np.ndarray:
        sums = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        return (sums[8:, 8:] - sums[:-8, 8:] - sums[8:, :-8] + sums[:-8, :-8]) / 64

    x, y = made.astype(np.float64), true.astype(np.float64)
    mx, my = means(x), means(y)
    vx, vy, vxy = means(x * x) - mx * mx, means(y * y) - my * my, means(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(((2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean())


def sharpness(made: np.ndarray, true: np.ndarray) -> float:
    """Slope of a reconstructed gray picture [H, W] at the true picture's edges, relative to the true slope there. 1 is equally sharp."""

    def slope(values: np.ndarray) -> np.ndarray:
        down, right = np.gradient(values.astype(np.float64))
        return np.hypot(down, right)

    wanted = slope(true)
    edges = wanted >= EDGE
    return float(slope(made)[edges].sum() / wanted[edges].sum())


def gray(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float64) @ (0.299, 0.587, 0.114)


def figures(made: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Means over pictures uint8 [N, H, W, 3]."""
    pairs = [(gray(a), gray(b)) for a, b in zip(made, true, strict=True)]
    return {
        "psnr": psnr(made, true),
        "ssim": float(np.mean([ssim(a, b) for a, b in pairs])),
        "sharpness": float(np.mean([sharpness(a, b) for a, b in pairs if (np.hypot(*np.gradient(b)) >= EDGE).any()])),
    }


def halved(pictures: np.ndarray) -> np.ndarray:
    """Pictures at half the resolution, uint8 [N, H / 2, W / 2, 3]."""
    n, height, width, _ = pictures.shape
    return (pictures.reshape(n, height // 2, 2, width // 2, 2, 3).mean(axis=(2, 4)) + 0.5).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the training run")
    parser.add_argument(
        "--name", default="decoder", help="stage whose checkpoint is measured: autoencoder or decoder (default: %(default)s)")
    parser.add_argument("--pictures", type=int, default=256, help="number of scenes (default: %(default)s)")
    parser.add_argument("--sheet", type=Path, help="also write the first pictures, each above its reconstruction, to this file")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    run = Run(options.folder, "cpu", Sprites(options.folder / "sprites.npz"))
    model = run.autoencoder(options.name)
    random = np.random.default_rng(11)
    true = np.stack([draw(random_scene(random, held_out=True), run.sprites) for _ in range(options.pictures)])
    made, used = [], set()
    for batch in np.array_split(true, -(-len(true) // 16)):
        with torch.no_grad(), run.autocast():
            codes = model.encode(run.pixels(batch))
            pixels = model.decode(codes).float()
        used.update(codes.flatten().tolist())
        made.append(((pixels.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy())
    made = np.concatenate(made)
    print(json.dumps({"256": figures(made, true), "128": figures(halved(made), halved(true)),
                      "codes_in_use": len(used), "codes": model.config.codes}, indent=1))
    if options.sheet:
        rows = [np.concatenate(list(part[i : i + 6]), axis=1) for i in range(0, min(18, len(true) - 5), 6) for part in (true, made)]
        Image.fromarray(np.concatenate(rows)).save(options.sheet)


if __name__ == "__main__":
    main()
