"""Draws held-out scenes from the training checkpoints with PyTorch, without the engine, to watch the training.

    cd export
    python3 -m training.emoji.sample --folder /tmp/training --prompts 48 --sheet /tmp/sheet.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..sheet import contact_sheet
from ..transformer import Transformer, TransformerConfig
from .captions import plain_caption
from .evaluate import TILE
from .judge import Judge
from .loop import load_stage
from .scenes import GRID, SIZE, random_scene
from .sprites import Sprites
from .tokens import VOCABULARY, load_tokenizer
from .train import Run

SIDE = SIZE // GRID  # codes


@torch.no_grad()
def sample(model: Transformer, prompts: list[list[int]], guidance: float, temperature: float, generator: torch.Generator) -> Tensor:
    """Draws codes [prompts, 16, 16] autoregressively, with guidance. All prompts have the same length."""
    device = model.lm_head.weight.device
    conditional = torch.tensor(prompts, device=device)
    unconditional_ids = torch.tensor([VOCABULARY.prompt([])] * len(prompts), device=device)
    caches = [[[] for _ in model.model.layers] for _ in range(2)]
    inputs, codes = [conditional, unconditional_ids], []
    while len(codes) < SIDE * SIDE:
        logits, unconditional = (model(ids, VOCABULARY.code_columns, cache)[:, -1].float() for ids, cache in zip(inputs, caches))
        logits = (unconditional + guidance * (logits - unconditional)) / temperature
        codes.append(torch.multinomial(torch.softmax(logits, dim=-1), 1, generator=generator))
        following = codes[-1] + VOCABULARY.first_code
        if len(codes) % SIDE == 0:
            following = torch.cat([following, torch.full_like(following, VOCABULARY.row_end)], dim=1)
        inputs = [following] * 2
    return torch.cat(codes, dim=1).view(-1, SIDE, SIDE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--prompts", type=int, default=48, help="number of scenes (default: %(default)s)")
    parser.add_argument("--guidance", type=float, default=3.0, help="default: %(default)s")
    parser.add_argument("--temperature", type=float, default=1.0, help="default: %(default)s")
    parser.add_argument(
        "--decoder", default="decoder", help="stage whose image decoder is used: autoencoder or decoder (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument("--sheet", type=Path, default=Path("sheet.png"), help="contact sheet to write (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch (default: %(default)s)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    run = Run(options.folder, options.device, Sprites(options.folder / "sprites.npz"))
    text, images, judge = load_tokenizer(run.folder), run.autoencoder(options.decoder), Judge(run.sprites)
    checkpoint = load_stage(run.path("transformer"), run.device)
    model = Transformer(TransformerConfig(**checkpoint["config"])).to(run.device).eval()
    model.load_state_dict(checkpoint["model"])
    random, generator = np.random.default_rng(20), torch.Generator(run.device).manual_seed(0)
    pictures, judgments = [], []
    for _ in range(options.prompts):
        scene = random_scene(random, held_out=True)
        words = plain_caption(scene, random)
        codes = sample(model, [VOCABULARY.prompt(text.encode(words))], options.guidance, options.temperature, generator)
        with torch.no_grad():
            pixels = images.decode(codes)[0]
        picture = ((pixels.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy()
        judgments.append(judge.judge(picture, scene))
        pictures.append((picture, words, judgments[-1].right))
        backgrounds, whole = (np.mean([of(j) for j in judgments]) for of in (lambda j: j.background, lambda j: all(j.items)))
        print(f"{len(pictures)}  background {backgrounds:.3f}  every item {whole:.3f}", flush=True)
    contact_sheet(pictures, TILE).save(options.sheet)


if __name__ == "__main__":
    main()
