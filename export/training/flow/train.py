"""Trains the class-conditional TarFlow `shapes` on pictures that are drawn during training. Every picture is seen once.

    cd export
    python3 -m training.flow.train

It can be interrupted at any time: the same command resumes from the last checkpoint. Muon trains the layers' matrices, and AdamW all other
parameters. What is kept is the moving average of the weights.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from ..checkpoints import CHECKPOINTS, load, save
from ..optimizers import Optimizers
from ..progress import Progress
from .model import TarFlow, losses
from .shapes import CLASSES, SIDE, draw

CONFIG = {"classes": list(CLASSES)}
GENERATION = {
    "name": "shapes",
    "license": {"id": "MIT", "commercial": True, "notice": "Trained by the SjdOnnx project on pictures that it draws itself."},
}
DROPPED = 0.1  # share of pictures whose class is not told, for guidance
CLIP = 1.0  # largest norm of a gradient
WARM = 100  # steps
SAVED = 100  # steps between checkpoints


def batch(count: int, noise: float, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Noisy pictures [count, 3, side, side] and their classes [count]."""
    classes = torch.randint(len(CLASSES), (count,), generator=random)
    pictures = draw(classes, random)
    return pictures + noise * torch.randn(pictures.shape, generator=random), classes


def share(step: int, steps: int) -> float:
    """Share of the full rates at a step from 1 to `steps`: it rises over the first steps and then falls along a cosine."""
    return min(1.0, step / WARM) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - 1) / steps)))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--steps", type=int, default=4000, help="total steps, including those before an interruption (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="pictures in a step (default: %(default)s)")
    parser.add_argument("--patch", type=int, default=2, help="side of a patch in pixels (default: %(default)s)")
    parser.add_argument("--width", type=int, default=64, help="channels of the layers, a multiple of 64 (default: %(default)s)")
    parser.add_argument("--blocks", type=int, default=4, help="flow blocks (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=3, help="layers of a block (default: %(default)s)")
    parser.add_argument("--noise", type=float, default=0.1, help="standard deviation of the noise in the pictures (default: %(default)s)")
    parser.add_argument("--muon-rate", type=float, default=0.02, help="highest rate of Muon (default: %(default)s)")
    parser.add_argument("--adam-rate", type=float, default=3e-3, help="highest rate of AdamW (default: %(default)s)")
    parser.add_argument("--average", type=float, default=0.998, help="decay of the moving average, for each step (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch (default: %(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=CHECKPOINTS / "shapes",
        help="the checkpoint folder to write, which export.py reads; the state of the run is beside it (default: %(default)s)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    model, average = (
        TarFlow(SIDE, options.patch, options.width, options.blocks, options.layers, len(CLASSES)) for _ in range(2))
    average.load_state_dict(model.state_dict())
    matrices = [m.weight for block in model.blocks for m in block.attn_blocks.modules() if isinstance(m, nn.Linear)]
    optimizers = Optimizers([model], matrices, options.muon_rate, options.adam_rate)
    sizes = f"{options.patch}_{options.width}_{options.blocks}_{options.layers}_{options.noise:.2f}"
    resumed, finished = options.folder.with_name(f"{options.folder.name}_state_{sizes}.pt"), options.folder / f"shapes_model_{sizes}.pth"
    start = 0
    if (state := load(resumed)) is not None:
        start = state["step"]
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizers.load_state_dict(state["optimizers"])

    held_out = batch(128, options.noise, torch.Generator().manual_seed(1))
    line = Progress(options.steps)
    for step in range(start + 1, options.steps + 1):
        random = torch.Generator().manual_seed(step + 1000)
        pictures, classes = batch(options.batch, options.noise, random)
        told = torch.where(torch.rand(len(classes), generator=random) < DROPPED, -1, classes)
        with torch.autocast("cpu", torch.bfloat16):
            loss = losses(*model(pictures, told)).mean()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizers.step(share(step, options.steps))
        with torch.no_grad():
            decay = min(options.average, (step + 1) / (step + 10))
            for kept, now in zip(average.parameters(), model.parameters()):
                kept.lerp_(now, 1 - decay)
        line.step(step, loss=loss.item(), gradient=norm.item())
        if step % SAVED == 0 or step == options.steps:
            save(resumed, {
                "step": step, "model": model.state_dict(), "average": average.state_dict(), "optimizers": optimizers.state_dict()})
            save(finished, average.state_dict())
            for name, document in (("config.json", CONFIG), ("generation.json", GENERATION)):
                (options.folder / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        if step % 500 == 0 or step == options.steps:
            print(f"{step}  held-out loss {evaluate(average, *held_out):.4f} nats for each number, {accuracy(average, *held_out):.1%} of "
                  "classes right", flush=True)


@torch.no_grad()
def evaluate(model: TarFlow, pictures: Tensor, classes: Tensor) -> float:
    return losses(*model(pictures, classes)).mean().item()


@torch.no_grad()
def accuracy(model: TarFlow, pictures: Tensor, classes: Tensor) -> float:
    """Share of the pictures whose own class gives them the highest density."""
    densities = torch.stack([losses(*model(pictures, torch.full_like(classes, c))) for c in range(len(CLASSES))])
    return (densities.argmin(0) == classes).float().mean().item()


if __name__ == "__main__":
    main()
