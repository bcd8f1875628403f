"""Draws held-out scenes straight from the training checkpoints, to watch training; the engine is not involved.

    python3 export/emoji/sample.py --prompts 64 --sheet /tmp/sheet.png
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import progress
import tokens
from autoencoder import Autoencoder
from judge import judge
from scenes import Scene, random_scene
from sheet import contact_sheet
from train_transformer import CODE_COLUMNS
from transformer import Transformer, TransformerConfig


@torch.no_grad()
def sample(model: Transformer, prompt: list[int], guidance: float, temperature: float, top_k: int, top_p: float) -> np.ndarray:
    """Codes [16, 16] of one picture, autoregressively."""
    rows = [prompt, tokens.prompt([])]
    caches = [[[] for _ in model.model.layers] for _ in rows]
    inputs = [torch.tensor([row]) for row in rows]
    codes = []
    while len(codes) < 256:
        logits, unconditional = (model(ids, CODE_COLUMNS, cache)[0, -1] for ids, cache in zip(inputs, caches))
        logits = (unconditional + guidance * (logits - unconditional)) / temperature
        codes.append(int(torch.multinomial(probabilities(logits, top_k, top_p), 1)))
        ids = [codes[-1] + tokens.FIRST_CODE] + [tokens.ROW_END] * (len(codes) % 16 == 0)
        inputs = [torch.tensor([ids])] * 2
    return np.array(codes).reshape(16, 16)


def probabilities(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    if top_k:
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], float("-inf"))
    p = torch.softmax(logits, dim=-1)
    if top_p < 1:
        ordered, order = p.sort(descending=True)
        p[order[ordered.cumsum(0) - ordered >= top_p]] = 0
    return p


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-k", type=int, default=0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--sheet", default="sheet.png")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    text = tokens.Tokenizer()
    model = Transformer(TransformerConfig(vocab_size=text.size)).eval()
    model.load_state_dict(progress.load(progress.CHECKPOINTS / "transformer.pt")["model"])
    images = Autoencoder().eval()
    images.load_state_dict(progress.load(progress.CHECKPOINTS / "autoencoder.pt")["model"])
    random = np.random.default_rng(20)
    scenes: list[Scene] = [random_scene(random, held_out=True) for _ in range(options.prompts)]
    pictures, right, backgrounds, cells = [], 0, 0, []
    for scene in scenes:
        codes = sample(model, tokens.prompt(text.encode(scene.caption)), options.guidance, options.temperature,
                       options.top_k, options.top_p)
        with torch.no_grad():
            pixels = images.decode(torch.from_numpy(codes)[None])[0]
        picture = ((pixels.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy()
        judgement = judge(picture, scene)
        pictures.append((picture, scene.caption, judgement.right))
        right += judgement.right
        backgrounds += judgement.background
        cells += judgement.glyphs
        print(f"{len(pictures)}  background {backgrounds / len(pictures):.3f}  glyphs {np.mean(cells):.3f}  "
              f"pictures {right / len(pictures):.3f}", flush=True)
    contact_sheet(pictures).save(options.sheet)


if __name__ == "__main__":
    main()
