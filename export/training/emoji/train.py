"""Trains the built-in model, one stage after the other; each goes on from its last checkpoint.

    cd export/training
    python3 -m emoji.train --folder /tmp/training
    python3 -m emoji.train --folder /tmp/training --device cuda --times 8 --workers 14 --minutes 0.4,3.5,2,5

A stage can be interrupted at any time: the same command goes on from the last checkpoint with the numbers that an uninterrupted run has.
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

from . import tokens
from .autoencoder import Autoencoder, AutoencoderConfig
from .captions import caption
from .critics import Discriminator, Recogniser
from .loop import Loop, Plan, load
from .optimizers import Optimizers, rate_share
from .scenes import Scene, draw, owners, random_scene
from .sprites import Sprites, fetch, things
from .transformer import Transformer, TransformerConfig

LIKENESS, ADVERSARIAL = 0.5, 0.05  # weights of the losses beside the pixels'
CODE_COLUMNS = slice(tokens.FIRST_CODE, tokens.FIRST_CODE + tokens.CODES)
NO_TARGET = -100


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a stage trains: its folder of checkpoints and its device."""

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
        """[N, 3, 256, 256] in [-1, 1] of uint8 [N, 256, 256, 3]."""
        return torch.from_numpy(pictures).to(self.device).permute(0, 3, 1, 2).float() / 127.5 - 1  # is channels_last already

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        """Scenes to train on, uint8 [count, 256, 256, 3]."""
        return np.stack([draw(random_scene(random), self.sprites) for _ in range(count)])

    def trained(self, name: str, model: nn.Module) -> nn.Module:
        """The model of an earlier stage, fixed."""
        model.load_state_dict(load(self.path(name), self.device)["model"])
        return self.put(model).eval().requires_grad_(False)

    def recogniser(self) -> Recogniser:
        return self.trained("recogniser", Recogniser(len(things()) + 1))

    def autoencoder(self, name: str = "autoencoder") -> Autoencoder:
        config = load(self.path(name), self.device)["config"]
        return self.trained(name, Autoencoder(AutoencoderConfig(**config)))


def train_recogniser(place: Place, plan: Plan) -> None:
    """Learns which thing each cell of a scene shows."""
    torch.manual_seed(1)
    classes = len(things()) + 1
    model = place.put(Recogniser(classes))
    optimizers = Optimizers([model], _convolutions(model.pyramid.convs[1:], model.context), 0.02, 2e-3)
    weight = torch.ones(classes, device=place.device)
    weight[-1] = 0.1  # most cells show no thing

    def data(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        scenes = [random_scene(random) for _ in range(count)]
        return np.stack([draw(s, place.sprites) for s in scenes]), np.stack([owners(s, place.sprites) for s in scenes])

    loop = Loop(place.path("recogniser"), plan, place.device, data, 1, model=model, optimizers=optimizers)
    for step, (pictures, owned) in loop:
        pixels, wanted = place.pixels(pictures), torch.from_numpy(owned).to(place.device)
        with place.autocast():
            logits = model(pixels)
        loss = F.cross_entropy(logits.float(), wanted, weight)
        loss.backward()
        optimizers.step(rate_share(step, loop.steps))
        shown = wanted < classes - 1
        loop.report(loss=loss.detach(), right=((logits.argmax(1) == wanted) & shown).sum() / shown.sum())


def train_autoencoder(place: Place, plan: Plan, config: AutoencoderConfig = AutoencoderConfig(), likeness_from: float = 0.4) -> None:
    """Learns to encode and decode scenes: by pixels alone at first, by the recogniser's features too from a share of the steps on."""
    torch.manual_seed(2)
    model = place.put(Autoencoder(config))
    optimizers = Optimizers([model], _matrices(model), 0.02, 2e-3)
    recogniser = None
    loop = Loop(place.path("autoencoder"), plan, place.device, place.draw, 2, config, model=model, optimizers=optimizers)
    for step, pictures in loop:
        pixels = place.pixels(pictures)
        with place.autocast():
            made = model(pixels).float()
        error = made - pixels
        loss = error.abs().mean() + 0.5 * error.square().mean()
        loop.report(l1=error.detach().abs().mean(), mse=error.detach().square().mean())
        if loop.part(step) > likeness_from:
            recogniser = recogniser or place.recogniser()
            with place.autocast():
                likeness = recogniser.distance(made, pixels)
            loss = loss + LIKENESS * likeness
            loop.report(likeness=likeness.detach())
        loss.backward()
        optimizers.step(rate_share(step, loop.steps))


def train_decoder(place: Place, plan: Plan) -> None:
    """Goes on with the decoder alone, so that codes keep their meaning: by pixels, features and a discriminator of its own."""
    recogniser = place.recogniser()
    model = place.autoencoder()
    model.post_quant_conv.requires_grad_(True)
    model.decoder.requires_grad_(True)
    torch.manual_seed(3)
    critic = place.put(Discriminator())
    optimizers = Optimizers([model.post_quant_conv, model.decoder], _matrices(model.decoder), 0.01, 1e-3)
    critic_optimizers = Optimizers([critic], [], 0.0, 5e-4, betas=(0.5, 0.9))
    loop = Loop(place.path("decoder"), plan, place.device, place.draw, 3, model.config,
                model=model, optimizers=optimizers, critic=critic, critic_optimizers=critic_optimizers)
    for step, pictures in loop:
        pixels = place.pixels(pictures)
        with place.autocast():
            with torch.no_grad():
                codes = model.encode(pixels)
            made = model.decode(codes).float()
            likeness = recogniser.distance(made, pixels)
            fooled = critic(made).float().mean()
        error = made - pixels
        loss = error.abs().mean() + 0.5 * error.square().mean() + LIKENESS * likeness - ADVERSARIAL * min(1.0, step / 400) * fooled
        loss.backward()
        optimizers.step(rate_share(step, loop.steps))
        critic.zero_grad(set_to_none=True)
        with place.autocast():
            real, fake = critic(torch.cat([pixels, made.detach()])).float().chunk(2)
        gap = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        gap.backward()
        critic_optimizers.step(min(1.0, step / 100))
        loop.report(l1=error.detach().abs().mean(), mse=error.detach().square().mean(), likeness=likeness.detach(),
                    fooled=fooled.detach(), gap=gap.detach())


def train_transformer(place: Place, plan: Plan, shape: Mapping[str, int] = {}) -> None:
    """Learns to continue captions with the codes of their pictures; every picture is seen once."""
    text = text_tokenizer(place.folder)
    images = place.autoencoder()
    torch.manual_seed(4)
    config = TransformerConfig(vocab_size=text.size, **shape)
    model = Transformer(config).to(place.device)
    optimizers = Optimizers([model], [m.weight for m in model.model.layers.modules() if isinstance(m, nn.Linear)], 0.02, 3e-3)

    def data(random: np.random.Generator, count: int, held_out: bool = False) -> tuple[np.ndarray, list[list[int]]]:
        scenes = [random_scene(random, held_out) for _ in range(count)]
        return np.stack([draw(s, place.sprites) for s in scenes]), [tokens.prompt(text.encode(_told(s, random))) for s in scenes]

    held_out = sequences(place, images, *data(np.random.default_rng(0), 32, held_out=True))
    loop = Loop(place.path("transformer"), plan, place.device, data, 4, config, model=model, optimizers=optimizers)
    for step, (pictures, prompts) in loop:
        loss = loss_of(place, model, *sequences(place, images, pictures, prompts))
        loss.backward()
        optimizers.step(rate_share(step, loop.steps, decay=0.35))
        loop.report(loss=loss.detach())
        if step % 500 == 0 or step == loop.steps:
            with torch.no_grad():
                print(f"{step}  held-out loss {loss_of(place, model, *held_out).item():.4f} nats per code", flush=True)


def _told(scene: Scene, random: np.random.Generator) -> str:
    """One caption in ten is left out, which is what guidance needs."""
    words = caption(scene, random)
    return "" if random.random() < 0.1 else words


def sequences(place: Place, images: Autoencoder, pictures: np.ndarray, prompts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Inputs and targets, int64 [pictures, T]; only image codes are targets."""
    with torch.no_grad(), place.autocast():
        codes = images.encode(place.pixels(pictures)).cpu().numpy()
    rows = [[*prompt, *tokens.picture(picture)] for prompt, picture in zip(prompts, codes)]
    length = max(map(len, rows))
    ids = torch.tensor([row + [tokens.PAD] * (length - len(row)) for row in rows], device=place.device)
    targets = ids[:, 1:] - tokens.FIRST_CODE
    return ids[:, :-1], torch.where((targets >= 0) & (targets < tokens.CODES), targets, NO_TARGET)


def loss_of(place: Place, model: Transformer, ids: Tensor, targets: Tensor) -> Tensor:
    with place.autocast():
        logits = model(ids, CODE_COLUMNS)
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET)


def text_tokenizer(folder: Path) -> tokens.Tokenizer:
    """The text tokenizer, trained where the folder does not have it."""
    path = folder / "tokenizer.json"
    if not path.exists():
        tokens.Tokenizer(tokens.train_merges(tokens.sample_captions(60000))).save(path)
    return tokens.Tokenizer.load(path)


def _convolutions(*modules: nn.Module) -> list[Tensor]:
    return [part.weight for module in modules for part in module.modules() if isinstance(part, nn.Conv2d)]


def _matrices(model: nn.Module) -> list[Tensor]:
    """The convolutions that Muon trains: those that lead from many channels to many."""
    return [weight for weight in _convolutions(model) if min(weight.shape[:2]) >= 16]


STAGES = {  # function, steps, pictures a step
    "recogniser": (train_recogniser, 1200, 16),
    "autoencoder": (train_autoencoder, 4000, 8),
    "decoder": (train_decoder, 3000, 8),
    "transformer": (train_transformer, 18000, 16),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for pictures and checkpoints")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--steps", type=int, help="in place of the stages' own numbers, those of a resumed run included")
    parser.add_argument("--minutes", help="for each stage, divided by commas: as many steps as fit into them")
    parser.add_argument("--times", type=int, default=1, help="as many times the stages' own numbers of pictures a step")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="processes that draw scenes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    options.folder.mkdir(parents=True, exist_ok=True)
    pack = options.folder / "sprites.npz"
    if not pack.exists():
        fetch(pack)
    place = Place(options.folder, options.device, Sprites(pack))
    names = options.stages.split(",")
    minutes = [float(part) for part in options.minutes.split(",")] if options.minutes else [None] * len(names)
    for name, limit in zip(names, minutes, strict=True):
        train, steps, batch = STAGES[name]
        train(place, Plan(options.steps or steps, batch * options.times, limit, workers=options.workers))


if __name__ == "__main__":
    main()
