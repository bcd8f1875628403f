"""Trains the model in stages, one after the other.

    cd export
    python3 -m training.emoji.train --folder /tmp/training
    python3 -m training.emoji.train --folder /tmp/training --device cuda --times 8 --workers 14 --minutes 0.4,3.5,2,5

A stage can be interrupted at any time. The same command then resumes from the last checkpoint, with the same numbers as an uninterrupted
run.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..optimizers import Optimizers, rate_share
from ..transformer import Transformer, TransformerConfig
from ..vocabulary import NO_TARGET
from .autoencoder import Autoencoder, AutoencoderConfig
from .captions import caption
from .critics import Discriminator, Recognizer
from .loop import Loop, Plan, load_stage
from .scenes import Scene, draw, owners, random_scene
from .sprites import Sprites, fetch, things
from .tokens import VOCABULARY, load_tokenizer

SIMILARITY, ADVERSARIAL = 0.5, 0.05  # weights of the losses, relative to the pixels' loss
SHAPE = {"hidden_size": 320, "num_hidden_layers": 8, "num_attention_heads": 10, "intermediate_size": 896}  # of the transformer


@dataclasses.dataclass(frozen=True)
class Run:
    """A training run: its folder of checkpoints, its device and the things' pictures."""

    folder: Path
    device: str
    sprites: Sprites

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.pt"

    def put(self, model: nn.Module) -> nn.Module:
        return model.to(self.device, memory_format=torch.channels_last)

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        return torch.autocast(self.device, torch.bfloat16)

    def pixels(self, pictures: np.ndarray) -> Tensor:
        """[N, 3, 256, 256] in [-1, 1], channels_last, of uint8 [N, 256, 256, 3]."""
        return torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        """Scenes to train on, uint8 [count, 256, 256, 3]."""
        return np.stack([draw(random_scene(random), self.sprites) for _ in range(count)])

    def trained(self, name: str, model: nn.Module) -> nn.Module:
        """The given model with the weights of an earlier stage, which stay fixed."""
        model.load_state_dict(load_stage(self.path(name), self.device)["model"])
        return self.put(model).eval().requires_grad_(False)

    def recognizer(self) -> Recognizer:
        return self.trained("recognizer", Recognizer(len(things()) + 1))

    def autoencoder(self, name: str = "autoencoder") -> Autoencoder:
        config = load_stage(self.path(name), self.device)["config"]
        return self.trained(name, Autoencoder(AutoencoderConfig(**config)))


def train_recognizer(run: Run, plan: Plan) -> None:
    """Learns which thing each cell of a scene shows."""
    torch.manual_seed(1)
    classes = len(things()) + 1
    model = run.put(Recognizer(classes))
    optimizers = Optimizers([model], _convolutions(model.pyramid.convs[1:], model.context), 0.02, 2e-3)
    weight = torch.ones(classes, device=run.device)
    weight[-1] = 0.1  # most cells show no thing

    def data(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        scenes = [random_scene(random) for _ in range(count)]
        return np.stack([draw(s, run.sprites) for s in scenes]), np.stack([owners(s, run.sprites) for s in scenes])

    loop = Loop(run.path("recognizer"), plan, run.device, data, 1, model=model, optimizers=optimizers)
    for step, (pictures, owned) in loop:
        pixels, wanted = run.pixels(pictures), torch.from_numpy(owned).to(run.device)
        with run.autocast():
            logits = model(pixels)
        loss = F.cross_entropy(logits.float(), wanted, weight)
        loss.backward()
        optimizers.step(rate_share(step, loop.steps))
        shown = wanted < classes - 1
        loop.report(loss=loss.detach(), right=((logits.argmax(1) == wanted) & shown).sum() / shown.sum())


def train_autoencoder(run: Run, plan: Plan, config: AutoencoderConfig | None = None, similarity_from: float = 0.4) -> None:
    """Learns to encode and decode scenes.

    The loss is that of the pixels and, from `similarity_from` of the steps on, also that of the recognizer's features.
    """
    config = config or AutoencoderConfig()
    torch.manual_seed(2)
    model = run.put(Autoencoder(config))
    optimizers = Optimizers([model], _matrices(model), 0.02, 2e-3)
    recognizer = None
    loop = Loop(run.path("autoencoder"), plan, run.device, run.draw, 2, config, model=model, optimizers=optimizers)
    for step, pictures in loop:
        pixels = run.pixels(pictures)
        with run.autocast():
            made = model(pixels).float()
        error = made - pixels
        loss = error.abs().mean() + 0.5 * error.square().mean()
        loop.report(l1=error.detach().abs().mean(), mse=error.detach().square().mean())
        if loop.part(step) > similarity_from:
            recognizer = recognizer or run.recognizer()
            with run.autocast():
                similarity = recognizer.distance(made, pixels)
            loss = loss + SIMILARITY * similarity
            loop.report(similarity=similarity.detach())
        loss.backward()
        optimizers.step(rate_share(step, loop.steps))


def train_decoder(run: Run, plan: Plan) -> None:
    """Trains the decoder further while codes keep their meaning, with losses of pixels, features and a discriminator."""
    recognizer = run.recognizer()
    model = run.autoencoder()
    model.post_quant_conv.requires_grad_(True)
    model.decoder.requires_grad_(True)
    torch.manual_seed(3)
    critic = run.put(Discriminator())
    optimizers = Optimizers([model.post_quant_conv, model.decoder], _matrices(model.decoder), 0.01, 1e-3)
    critic_optimizers = Optimizers([critic], [], 0.0, 5e-4, betas=(0.5, 0.9))
    loop = Loop(run.path("decoder"), plan, run.device, run.draw, 3, model.config,
                model=model, optimizers=optimizers, critic=critic, critic_optimizers=critic_optimizers)
    for step, pictures in loop:
        pixels = run.pixels(pictures)
        with run.autocast():
            with torch.no_grad():
                codes = model.encode(pixels)
            made = model.decode(codes).float()
            similarity = recognizer.distance(made, pixels)
            fooled = critic(made).float().mean()
        error = made - pixels
        loss = error.abs().mean() + 0.5 * error.square().mean() + SIMILARITY * similarity - ADVERSARIAL * min(1.0, step / 400) * fooled
        loss.backward()
        optimizers.step(rate_share(step, loop.steps))
        critic.zero_grad(set_to_none=True)
        with run.autocast():
            real, fake = critic(torch.cat([pixels, made.detach()])).float().chunk(2)
        gap = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        gap.backward()
        critic_optimizers.step(min(1.0, step / 100))
        loop.report(l1=error.detach().abs().mean(), mse=error.detach().square().mean(), similarity=similarity.detach(),
                    fooled=fooled.detach(), gap=gap.detach())


def train_transformer(run: Run, plan: Plan, shape: Mapping[str, int] = SHAPE) -> None:
    """Learns to continue captions with the codes of their pictures. Every picture is seen once."""
    text = load_tokenizer(run.folder)
    images = run.autoencoder()
    torch.manual_seed(4)
    config = TransformerConfig(vocab_size=text.size, **shape)
    model = Transformer(config).to(run.device)
    optimizers = Optimizers([model], [m.weight for m in model.model.layers.modules() if isinstance(m, nn.Linear)], 0.02, 3e-3)

    def data(random: np.random.Generator, count: int, held_out: bool = False) -> tuple[np.ndarray, list[list[int]]]:
        scenes = [random_scene(random, held_out) for _ in range(count)]
        return np.stack([draw(s, run.sprites) for s in scenes]), [VOCABULARY.prompt(text.encode(_caption(s, random))) for s in scenes]

    held_out = sequences(run, images, *data(np.random.default_rng(0), 32, held_out=True))
    loop = Loop(run.path("transformer"), plan, run.device, data, 4, config, model=model, optimizers=optimizers)
    for step, (pictures, prompts) in loop:
        loss = loss_of(run, model, *sequences(run, images, pictures, prompts))
        loss.backward()
        optimizers.step(rate_share(step, loop.steps, decay=0.35))
        loop.report(loss=loss.detach())
        if step % 500 == 0 or step == loop.steps:
            with torch.no_grad():
                print(f"{step}  held-out loss {loss_of(run, model, *held_out).item():.4f} nats per code", flush=True)


def _caption(scene: Scene, random: np.random.Generator) -> str:
    """A caption, or nothing in one case of ten: guidance needs a model that can draw without a prompt."""
    words = caption(scene, random)
    return "" if random.random() < 0.1 else words


def sequences(run: Run, images: Autoencoder, pictures: np.ndarray, prompts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Inputs and targets, int64 [pictures, T], on the run's device."""
    with torch.no_grad(), run.autocast():
        codes = images.encode(run.pixels(pictures)).cpu().numpy()
    ids, targets = VOCABULARY.sequences(prompts, codes)
    return ids.to(run.device), targets.to(run.device)


def loss_of(run: Run, model: Transformer, ids: Tensor, targets: Tensor) -> Tensor:
    """Nats per code."""
    with run.autocast():
        logits = model(ids, VOCABULARY.code_columns)
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET)


def _convolutions(*modules: nn.Module) -> list[Tensor]:
    return [part.weight for module in modules for part in module.modules() if isinstance(part, nn.Conv2d)]


def _matrices(model: nn.Module) -> list[Tensor]:
    """The convolutions that Muon trains: those with many input and output channels."""
    return [weight for weight in _convolutions(model) if min(weight.shape[:2]) >= 16]


STAGES = {  # function, steps, pictures in a step
    "recognizer": (train_recognizer, 1200, 16),
    "autoencoder": (train_autoencoder, 4000, 8),
    "decoder": (train_decoder, 3000, 8),
    "transformer": (train_transformer, 18000, 16),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="folder for the things' pictures and the checkpoints")
    parser.add_argument("--stages", default=",".join(STAGES), help="stages to train, separated by commas (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, help="total steps of each stage, including those before an interruption (default: 1200, 4000, 3000, 18000)")
    parser.add_argument("--minutes", help="time limit for each stage, separated by commas; a stage trains as many steps as fit")
    parser.add_argument("--times", type=int, default=1, help="factor for the pictures in each step (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, default=0,
        help="processes that draw scenes ahead; with 0 the main process draws them (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    options.folder.mkdir(parents=True, exist_ok=True)
    pack = options.folder / "sprites.npz"
    if not pack.exists():
        fetch(pack)
    run = Run(options.folder, options.device, Sprites(pack))
    names = options.stages.split(",")
    minutes = [float(part) for part in options.minutes.split(",")] if options.minutes else [None] * len(names)
    for name, limit in zip(names, minutes, strict=True):
        train, steps, batch = STAGES[name]
        train(run, Plan(options.steps or steps, batch * options.times, limit, workers=options.workers))


if __name__ == "__main__":
    main()
