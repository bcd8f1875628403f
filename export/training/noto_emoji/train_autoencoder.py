"""Trains the image tokenizer. With --decoder-only it trains only the decoder, so that the transformer's codes stay valid.

    cd export
    python3 -m training.noto_emoji.train_autoencoder --steps 2400
    python3 -m training.noto_emoji.train_autoencoder --decoder-only --steps 4800

It can be interrupted at any time: the same command resumes from the last checkpoint.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
import torch

from ..checkpoints import CHECKPOINTS, load, save
from ..progress import Progress
from .alphabet import BACKGROUNDS, GLYPHS
from .autoencoder import Autoencoder
from .scenes import Scene, draw, random_scene

CHECKPOINT = CHECKPOINTS / "autoencoder.pt"


class Crowd(Scene):
    """Four different glyphs, so that a picture has more to learn from than any captioned scene."""

    @property
    def cells(self) -> tuple[int, ...]:
        return self.glyphs


def batch(random: np.random.Generator, size: int) -> torch.Tensor:
    """Pixels [size, 3, 128, 128] in [-1, 1]."""
    pictures = []
    for _ in range(size):
        if random.random() < 0.6:
            glyphs = tuple(int(g) for g in random.choice(len(GLYPHS), size=4, replace=False))
            scene = Crowd("four", glyphs, str(random.choice(list(BACKGROUNDS))))
        else:
            scene = random_scene(random)
        pictures.append(draw(scene, random))
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pixels.contiguous(memory_format=torch.channels_last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--steps", type=int, default=2400, help="total steps, including those before an interruption (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=12, help="pictures in a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest rate of AdamW (default: %(default)s)")
    parser.add_argument("--decoder-only", action="store_true", help="train only the decoder; encoder and codebook stay fixed")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    model = Autoencoder().to(memory_format=torch.channels_last)
    checkpoint = load(CHECKPOINT)
    start = 0
    if checkpoint is not None:
        model.load_state_dict(checkpoint["model"])
        start = checkpoint["step"]
    trained = [model.post_quant_conv, model.decoder] + ([] if options.decoder_only else [model.encoder])
    parameters = [p for module in trained for p in module.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    fresh = checkpoint is None or checkpoint["decoder_only"] != options.decoder_only  # a new phase begins
    if not fresh:
        optimizer.load_state_dict(checkpoint["optimizer"])

    if options.decoder_only:
        model.encoder.eval()  # so that BatchNorm ignores the batch and keeps its statistics: otherwise the codes would change
    random = np.random.default_rng(start)
    line = Progress(options.steps)
    first = start if fresh else checkpoint["first"]
    for step in range(start + 1, options.steps + 1):
        share = (step - first) / (options.steps - first)
        warm = min(1.0, (step - first) / 100)
        for group in optimizer.param_groups:
            group["lr"] = options.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        pixels = batch(random, options.batch)
        with torch.autocast("cpu", torch.bfloat16):
            if options.decoder_only:
                with torch.no_grad():
                    codes = model.encode(pixels)
                reconstruction = model.decode(codes)
            else:
                reconstruction = model(pixels)
        error = reconstruction.float() - pixels
        loss = error.abs().mean() + 0.5 * error.square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        line.step(step, l1=error.abs().mean().item(), mse=error.square().mean().item())
        if step % 200 == 0 or step == options.steps:
            save(CHECKPOINT, {"step": step, "first": first, "decoder_only": options.decoder_only,
                              "model": model.state_dict(), "optimizer": optimizer.state_dict()})


if __name__ == "__main__":
    main()
