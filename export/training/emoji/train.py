"""Trains the built-in model, one stage after the other; each goes on from its last checkpoint.

    python3 export/training/emoji/train.py --folder /tmp/training

A stage can be interrupted at any time: the same command goes on from the last checkpoint with the numbers that an uninterrupted run has.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import progress
import sprites
from autoencoder import Autoencoder, AutoencoderConfig
from critics import Discriminator, Recogniser
from optimizers import Optimizers, rate_share
from scenes import draw, owners, random_scene

LIKENESS, ADVERSARIAL = 0.5, 0.05  # weights of the losses beside the pixels'


@dataclasses.dataclass(frozen=True)
class Stage:
    """What every stage needs."""

    folder: Path
    device: str
    steps: int
    batch: int
    sprites: sprites.Sprites
    seconds: float = 240.0  # between checkpoints

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pt"

    def random(self, stage: int, step: int) -> np.random.Generator:
        """The same for a step whether or not training was interrupted before it."""
        return np.random.default_rng([stage, step])

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        return torch.autocast(self.device, torch.bfloat16)

    def pixels(self, pictures: list[np.ndarray]) -> Tensor:
        """[N, 3, 256, 256] in [-1, 1]."""
        stacked = torch.from_numpy(np.stack(pictures)).to(self.device).permute(0, 3, 1, 2)  # is channels_last already
        return stacked.float() / 127.5 - 1


def train_recogniser(stage: Stage) -> Recogniser:
    """Learns which thing each cell of a scene shows."""
    torch.manual_seed(1)
    classes = len(sprites.things()) + 1
    model = Recogniser(classes).to(stage.device, memory_format=torch.channels_last)
    optimizers = Optimizers([model], _convolutions(model.pyramid.convs[1:], model.context), 0.02, 2e-3)
    done = _resume(stage.path("recogniser"), stage.device, model=model, optimizers=optimizers)
    weight = torch.ones(classes, device=stage.device)
    weight[-1] = 0.1  # most cells show no thing
    keeper = _keeper(stage, "recogniser", lambda: step, model=model, optimizers=optimizers)
    line = progress.Line("recogniser", stage.steps, stage.batch)
    for step in range(done + 1, stage.steps + 1):
        random = stage.random(1, step)
        scenes = [random_scene(random) for _ in range(stage.batch)]
        pixels = stage.pixels([draw(scene, stage.sprites) for scene in scenes])
        wanted = torch.from_numpy(np.stack([owners(scene, stage.sprites) for scene in scenes])).to(stage.device)
        with stage.autocast():
            logits = model(pixels)
        loss = F.cross_entropy(logits.float(), wanted, weight)
        loss.backward()
        optimizers.step(rate_share(step, stage.steps))
        with torch.no_grad():
            right = ((logits.argmax(1) == wanted) & (wanted < classes - 1)).sum() / (wanted < classes - 1).sum()
        line.step(step, loss=loss.item(), right=right.item())
        keeper.step(step == stage.steps)
    return model


def train_autoencoder(stage: Stage, config: AutoencoderConfig, likeness_from: float = 0.4) -> Autoencoder:
    """Learns to encode and decode scenes: by pixels alone at first, by the recogniser's features too from a share of the steps on."""
    torch.manual_seed(2)
    model = Autoencoder(config).to(stage.device, memory_format=torch.channels_last)
    optimizers = Optimizers([model], _matrices(model), 0.02, 2e-3)
    parts: dict[str, Any] = {"model": model, "optimizers": optimizers}
    done = _resume(stage.path("autoencoder"), stage.device, **parts)
    keeper = _keeper(stage, "autoencoder", lambda: step, config=config, **parts)
    line = progress.Line("autoencoder", stage.steps, stage.batch)
    recogniser = None
    for step in range(done + 1, stage.steps + 1):
        pixels = _scenes(stage, 2, step)
        with stage.autocast():
            made = model(pixels).float()
        error = made - pixels
        loss = error.abs().mean() + 0.5 * error.square().mean()
        figures = {"l1": error.abs().mean(), "mse": error.square().mean()}
        if step > stage.steps * likeness_from:
            recogniser = recogniser or _trained(stage, "recogniser", Recogniser(len(sprites.things()) + 1))
            with stage.autocast():
                figures["likeness"] = recogniser.distance(made, pixels)
            loss = loss + LIKENESS * figures["likeness"]
        loss.backward()
        optimizers.step(rate_share(step, stage.steps))
        line.step(step, **{name: value.item() for name, value in figures.items()})
        keeper.step(step == stage.steps)
    return model


def train_decoder(stage: Stage) -> Autoencoder:
    """Goes on with the decoder alone, so that codes keep their meaning: by pixels, features and a discriminator of its own."""
    recogniser = _trained(stage, "recogniser", Recogniser(len(sprites.things()) + 1))
    checkpoint = _checkpoint(stage, "autoencoder")
    model = Autoencoder(AutoencoderConfig(**checkpoint["config"])).to(stage.device, memory_format=torch.channels_last)
    model.load_state_dict(checkpoint["model"])
    model.encoder.eval().requires_grad_(False)  # its BatchNorm, too, must neither move nor look at the batch
    torch.manual_seed(3)
    critic = Discriminator().to(stage.device, memory_format=torch.channels_last)
    trained = [model.post_quant_conv, model.decoder]
    optimizers = Optimizers(trained, _matrices(model.decoder), 0.01, 1e-3)
    critic_optimizers = Optimizers([critic], [], 0.0, 5e-4, betas=(0.5, 0.9))
    parts: dict[str, Any] = {"model": model, "optimizers": optimizers, "critic": critic, "critic_optimizers": critic_optimizers}
    done = _resume(stage.path("decoder"), stage.device, **parts)
    keeper = _keeper(stage, "decoder", lambda: step, config=model.config, **parts)
    line = progress.Line("decoder", stage.steps, stage.batch)
    for step in range(done + 1, stage.steps + 1):
        pixels = _scenes(stage, 3, step)
        with stage.autocast():
            with torch.no_grad():
                codes = model.encode(pixels)
            made = model.decode(codes).float()
            likeness = recogniser.distance(made, pixels)
            fooled = critic(made).float().mean()
        error = made - pixels
        loss = error.abs().mean() + 0.5 * error.square().mean() + LIKENESS * likeness
        (loss - ADVERSARIAL * min(1.0, step / 400) * fooled).backward()
        optimizers.step(rate_share(step, stage.steps))
        critic.zero_grad(set_to_none=True)
        with stage.autocast():
            real, fake = critic(torch.cat([pixels, made.detach()])).float().chunk(2)
        gap = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        gap.backward()
        critic_optimizers.step(min(1.0, step / 100))
        figures = {"l1": error.abs().mean(), "mse": error.square().mean(), "likeness": likeness, "fooled": fooled, "gap": gap}
        line.step(step, **{name: value.item() for name, value in figures.items()})
        keeper.step(step == stage.steps)
    return model


def _scenes(stage: Stage, number: int, step: int) -> Tensor:
    """The pixels of a step's scenes."""
    random = stage.random(number, step)
    return stage.pixels([draw(random_scene(random), stage.sprites) for _ in range(stage.batch)])


def _matrices(model: nn.Module) -> list[Tensor]:
    """The convolutions that Muon trains: those that lead from many channels to many."""
    return [weight for weight in _convolutions(model) if min(weight.shape[:2]) >= 16]


def _convolutions(*modules: nn.Module) -> list[Tensor]:
    return [part.weight for module in modules for part in module.modules() if isinstance(part, nn.Conv2d)]


def _checkpoint(stage: Stage, name: str) -> dict[str, Any]:
    checkpoint = progress.load(stage.path(name), stage.device)
    if checkpoint is None:
        raise SystemExit(f"{stage.path(name)} is missing; run the stage {name} first.")
    return checkpoint


def _trained(stage: Stage, name: str, model: nn.Module) -> nn.Module:
    """The model of an earlier stage, fixed."""
    model.load_state_dict(_checkpoint(stage, name)["model"])
    return model.to(stage.device, memory_format=torch.channels_last).eval().requires_grad_(False)


def _resume(path: Path, device: str, **parts: Any) -> int:
    """Brings models and optimizers to where the checkpoint has them; the steps that were done."""
    checkpoint = progress.load(path, device)
    if checkpoint is None:
        return 0
    for name, part in parts.items():
        if isinstance(part, Optimizers):
            part.restore(checkpoint[name])
        else:
            part.load_state_dict(checkpoint[name])
    return checkpoint["step"]


def _keeper(stage: Stage, name: str, step: Callable[[], int], config: Any = None, **parts: Any) -> progress.Keeper:
    def state() -> dict[str, Any]:
        states = {key: part.state() if isinstance(part, Optimizers) else part.state_dict() for key, part in parts.items()}
        return {"step": step(), "config": None if config is None else dataclasses.asdict(config), **states}

    return progress.Keeper(stage.path(name), state, stage.seconds)


STAGES = ("recogniser", "autoencoder", "decoder")
BATCHES = {"recogniser": 16, "autoencoder": 8, "decoder": 8}
STEPS = {"recogniser": 1200, "autoencoder": 4000, "decoder": 4000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for pictures and checkpoints")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--steps", type=int, help="in place of the stage's own number, those of a resumed run included")
    parser.add_argument("--batch", type=int, help="in place of the stage's own number of pictures a step")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    options.folder.mkdir(parents=True, exist_ok=True)
    pack = options.folder / "sprites.npz"
    if not pack.exists():
        sprites.fetch(pack)
    for name in options.stages.split(","):
        stage = Stage(options.folder, options.device, options.steps or STEPS[name], options.batch or BATCHES[name], sprites.Sprites(pack))
        if name == "recogniser":
            train_recogniser(stage)
        elif name == "autoencoder":
            train_autoencoder(stage, AutoencoderConfig())
        else:
            train_decoder(stage)


if __name__ == "__main__":
    main()
