"""Draws held-out scenes straight from the training checkpoints, to watch training; the engine is not involved.

    cd export/training
    python3 -m emoji.sample --folder /tmp/training --prompts 48 --sheet /tmp/sheet.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import tokens
from .captions import plain_caption
from .judge import Judge
from .loop import load
from .scenes import GRID, SIZE, random_scene
from .sheet import contact_sheet
from .sprites import Sprites
from .train import CODE_COLUMNS, Place, text_tokenizer
from .transformer import Transformer, TransformerConfig

SIDE = SIZE // GRID


@torch.no_grad()
def sample(model: Transformer, prompts: list[list[int]], guidance: float, temperature: float, generator: torch.Generator) -> Tensor:
    """Codes [prompts, 16, 16], autoregressively. Prompts of one length are read together, with their unconditional twins."""
    device = model.lm_head.weight.device
    ids = torch.tensor(prompts, device=device)
    empty = torch.tensor([tokens.prompt([])] * len(prompts), device=device)
    caches = [[[] for _ in model.model.layers] for _ in range(2)]
    inputs, codes = [ids, empty], []
    while len(codes) < SIDE * SIDE:
        logits, unconditional = (model(tokens_in, CODE_COLUMNS, cache)[:, -1].float() for tokens_in, cache in zip(inputs, caches))
        logits = (unconditional + guidance * (logits - unconditional)) / temperature
        codes.append(torch.multinomial(torch.softmax(logits, dim=-1), 1, generator=generator))
        following = codes[-1] + tokens.FIRST_CODE
        if len(codes) % SIDE == 0:
            following = torch.cat([following, torch.full_like(following, tokens.ROW_END)], dim=1)
        inputs = [following] * 2
    return torch.cat(codes, dim=1).view(-1, SIDE, SIDE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--prompts", type=int, default=48)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--decoder", default="decoder", help="stage whose checkpoint decodes: autoencoder or decoder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--sheet", type=Path, default=Path("sheet.png"))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    place = Place(options.folder, options.device, Sprites(options.folder / "sprites.npz"))
    text, images, judge = text_tokenizer(place.folder), place.autoencoder(options.decoder), Judge(place.sprites)
    checkpoint = load(place.path("transformer"), place.device)
    model = Transformer(TransformerConfig(**checkpoint["config"])).to(place.device).eval()
    model.load_state_dict(checkpoint["model"])
    random, generator = np.random.default_rng(20), torch.Generator(place.device).manual_seed(0)
    pictures, judgements = [], []
    for _ in range(options.prompts):
        scene = random_scene(random, held_out=True)
        words = plain_caption(scene, random)
        codes = sample(model, [tokens.prompt(text.encode(words))], options.guidance, options.temperature, generator)
        with torch.no_grad():
            pixels = images.decode(codes)[0]
        picture = ((pixels.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy()
        judgements.append(judge.judge(picture, scene))
        pictures.append((picture, words, judgements[-1].right))
        backgrounds, whole = (np.mean([of(j) for j in judgements]) for of in (lambda j: j.background, lambda j: all(j.items)))
        print(f"{len(pictures)}  background {backgrounds:.3f}  every thing {whole:.3f}", flush=True)
    contact_sheet(pictures).save(options.sheet)


if __name__ == "__main__":
    main()
