"""Trains the built-in model's transformer on scenes that are drawn during training. Every picture is seen once.

    cd export
    python3 -m training.noto_emoji.train_transformer --steps 4000

It can be interrupted at any time: the same command resumes from the last checkpoint. Muon trains the layers' matrices, and AdamW all other
parameters. The rate is constant, and falls linearly to zero over the last `--decay` of the steps. A longer run can start from the
checkpoint before the rate falls, `transformer.stable.pt`.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..bpe import Tokenizer
from ..checkpoints import CHECKPOINTS, load, save
from ..optimizers import Optimizers, rate_share
from ..progress import Progress
from ..transformer import Transformer, TransformerConfig
from ..vocabulary import NO_TARGET
from .autoencoder import Autoencoder
from .scenes import Scene, draw, random_scene
from .tokens import VOCABULARY, train_tokenizer

CHECKPOINT = CHECKPOINTS / "transformer.pt"
STABLE = CHECKPOINTS / "transformer.stable.pt"


def config(vocabulary: int) -> TransformerConfig:
    return TransformerConfig(vocab_size=vocabulary, hidden_size=256, num_hidden_layers=8, num_attention_heads=8, intermediate_size=768)


def batch(scenes: list[Scene], random: np.random.Generator, text: Tokenizer, images: Autoencoder) -> tuple[Tensor, Tensor]:
    """Inputs and targets, int64 [scenes, T].

    One caption in ten is left out, because guidance needs a model that can draw without a prompt. One in ten begins with a capital letter.
    """
    pixels = torch.from_numpy(np.stack([draw(scene, random) for scene in scenes])).permute(0, 3, 1, 2)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        codes = images.encode(pixels.float() / 127.5 - 1).numpy()
    prompts = []
    for scene in scenes:
        caption, kind = scene.caption, random.random()
        if kind < 0.1:
            caption = ""
        elif kind < 0.2:
            caption = caption[0].upper() + caption[1:]
        prompts.append(VOCABULARY.prompt(text.encode(caption)))
    return VOCABULARY.sequences(prompts, codes)


def loss_of(model: Transformer, ids: Tensor, targets: Tensor) -> Tensor:
    """Nats per code."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids, VOCABULARY.code_columns)
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=NO_TARGET)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--steps", type=int, default=4000, help="total steps, including those before an interruption (default: %(default)s)")
    parser.add_argument(
        "--decay", type=float, default=0.35, help="share of the steps over which the rate falls to 0 (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="pictures in a step (default: %(default)s)")
    parser.add_argument("--muon-rate", type=float, default=0.02, help="highest rate of Muon (default: %(default)s)")
    parser.add_argument("--adam-rate", type=float, default=3e-3, help="highest rate of AdamW (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    text = train_tokenizer()
    images = Autoencoder().eval()
    images.load_state_dict(load(CHECKPOINTS / "autoencoder.pt")["model"])
    model = Transformer(config(text.size))
    matrices = [module.weight for module in model.model.layers.modules() if isinstance(module, torch.nn.Linear)]
    optimizers = Optimizers([model], matrices, options.muon_rate, options.adam_rate)
    start = 0
    checkpoint = load(CHECKPOINT)
    if checkpoint is not None:
        start = checkpoint["step"]
        model.load_state_dict(checkpoint["model"])
        optimizers.load_state_dict(checkpoint["optimizers"])

    random = np.random.default_rng(0)
    held_out = batch([random_scene(random, held_out=True) for _ in range(48)], random, text, images)
    random = np.random.default_rng([1, start])
    line = Progress(options.steps)
    for step in range(start + 1, options.steps + 1):
        scenes = [random_scene(random) for _ in range(options.batch)]
        loss = loss_of(model, *batch(scenes, random, text, images))
        loss.backward()
        optimizers.step(rate_share(step, options.steps, decay=options.decay))
        line.step(step, loss=loss.item())
        if step % 100 == 0 or step == options.steps:
            state = {"step": step, "model": model.state_dict(), "optimizers": optimizers.state_dict()}
            save(CHECKPOINT, state)
            if step <= options.steps * (1 - options.decay):
                save(STABLE, state)
        if step % 500 == 0 or step == options.steps:
            with torch.no_grad():
                print(f"{step}  held-out loss {loss_of(model, *held_out).item():.4f} nats per code", flush=True)


if __name__ == "__main__":
    main()
