"""Trains the built-in model's transformer on scenes drawn as it goes; every picture is seen once.

    python3 export/emoji/train_transformer.py --steps 4000

Interrupt it at any time: the same command goes on from the last checkpoint. Weight matrices of the layers are updated
by Muon (momentum orthogonalised by a Newton-Schulz iteration; Jordan et al., 2024), everything else by AdamW. The rate
is constant and then falls linearly to zero over the last `--decay` of the steps, so a longer run can go on from a
checkpoint taken before the decay (`transformer.stable.pt`).
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import progress
import tokens
from autoencoder import Autoencoder
from scenes import Scene, draw, random_scene
from transformer import Transformer, TransformerConfig

CHECKPOINT = progress.CHECKPOINTS / "transformer.pt"
STABLE = progress.CHECKPOINTS / "transformer.stable.pt"
CODE_COLUMNS = slice(tokens.FIRST_CODE, tokens.FIRST_CODE + tokens.CODES)
NO_TARGET = -100


class Muon(torch.optim.Optimizer):
    def __init__(self, parameters: list[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                momentum.lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonalize(parameter.grad.lerp(momentum, group["momentum"]))
                rows, columns = parameter.shape
                parameter.add_(update, alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)


def orthogonalize(matrix: Tensor) -> Tensor:
    """Nearly U V^T of the matrix U S V^T: five steps of a quintic Newton-Schulz iteration in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix.shape[0] > matrix.shape[1]
    x = (matrix.t() if wide else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.t()
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.t() if wide else x).float()


def batch(scenes: list[Scene], random: np.random.Generator, text: tokens.Tokenizer,
          images: Autoencoder) -> tuple[Tensor, Tensor]:
    """Inputs and targets, int64 [scenes, T]; only image codes are targets. One caption in ten is dropped, which is what
    guidance needs, and one in ten begins with a capital letter, as people write them."""
    pixels = torch.from_numpy(np.stack([draw(scene, random) for scene in scenes])).permute(0, 3, 1, 2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        codes = images.encode(pixels.float() / 127.5 - 1).numpy()
    rows = []
    for scene, picture in zip(scenes, codes):
        caption = scene.caption
        kind = random.random()
        if kind < 0.1:
            caption = ""
        elif kind < 0.2:
            caption = caption[0].upper() + caption[1:]
        rows.append([*tokens.prompt(text.encode(caption)), *tokens.picture(picture)])
    length = max(map(len, rows))
    ids = torch.tensor([row + [tokens.PAD] * (length - len(row)) for row in rows])
    targets = ids[:, 1:] - tokens.FIRST_CODE
    return ids[:, :-1], torch.where((targets >= 0) & (targets < tokens.CODES), targets, NO_TARGET)


def loss_of(model: Transformer, ids: Tensor, targets: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids, CODE_COLUMNS)
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4000, help="total steps, those of a resumed run included")
    parser.add_argument("--decay", type=float, default=0.35, help="share of the steps over which the rate falls to 0")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--muon-rate", type=float, default=0.02)
    parser.add_argument("--adam-rate", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    text = tokens.Tokenizer()
    images = Autoencoder().eval()
    images.load_state_dict(torch.load(progress.CHECKPOINTS / "autoencoder.pt")["model"])
    model = Transformer(TransformerConfig(vocab_size=text.size))
    matrices = [module.weight for module in model.model.layers.modules() if isinstance(module, torch.nn.Linear)]
    others = [p for p in model.parameters() if all(p is not matrix for matrix in matrices)]
    optimizers = [Muon(matrices, options.muon_rate),
                  torch.optim.AdamW(others, lr=options.adam_rate, betas=(0.9, 0.95), weight_decay=0.0)]
    start = 0
    checkpoint = progress.load(CHECKPOINT)
    if checkpoint is not None:
        start = checkpoint["step"]
        model.load_state_dict(checkpoint["model"])
        for optimizer, state in zip(optimizers, checkpoint["optimizers"]):
            optimizer.load_state_dict(state)

    rates = (options.muon_rate, options.adam_rate)
    random = np.random.default_rng(0)
    held_out = batch([random_scene(random, held_out=True) for _ in range(48)], random, text, images)
    random = np.random.default_rng([1, start])
    line = progress.Progress(options.steps)
    decay_from = options.steps * (1 - options.decay)
    for step in range(start + 1, options.steps + 1):
        share = min(1.0, step / 100, (options.steps - step + 1) / max(1.0, options.steps - decay_from))
        for optimizer, rate in zip(optimizers, rates):
            optimizer.param_groups[0]["lr"] = rate * share
        scenes = [random_scene(random) for _ in range(options.batch)]
        loss = loss_of(model, *batch(scenes, random, text, images))
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)
        line.step(step, loss=loss.item())
        if step % 100 == 0 or step == options.steps:
            state = {"step": step, "model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}
            progress.save(CHECKPOINT, state)
            if step <= decay_from:
                progress.save(STABLE, state)
        if step % 500 == 0 or step == options.steps:
            with torch.no_grad():
                print(f"{step}  held-out loss {loss_of(model, *held_out).item():.4f} nats per code", flush=True)


if __name__ == "__main__":
    main()
