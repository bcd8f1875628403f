"""TarFlow in PyTorch, float64 and one picture at a time, written from the description of the architecture and not from the exporter."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

HEAD = 64
State = dict[str, Tensor]


def random_state(width: int, blocks: int, layers: int, patch: int, side: int, classes: int, seed: int = 0) -> State:
    """A tiny random checkpoint under the official names. The output's weights are drawn too: with zeros, every iteration ends at once."""
    random = torch.Generator().manual_seed(seed)
    tokens, channels = (side // patch) ** 2, 3 * patch**2

    def draw(*shape: int, scale: float = 0.08) -> Tensor:
        return scale * torch.randn(*shape, generator=random)

    state = {"var": torch.ones(tokens, channels)}
    for b in range(blocks):
        block = {"proj_in.weight": draw(width, channels, scale=0.3), "proj_in.bias": draw(width),
                 "pos_embed": draw(tokens, width, scale=0.3),
                 "proj_out.weight": draw(2 * channels, width, scale=0.05), "proj_out.bias": draw(2 * channels),
                 "attn_mask": torch.tril(torch.ones(tokens, tokens))}
        if classes:
            block["class_embed"] = draw(classes, 1, width, scale=0.3)
        for layer in range(layers):
            for name, shape in (("attention.qkv", (3 * width, width)), ("attention.proj", (width, width)),
                                ("mlp.main.0", (4 * width, width)), ("mlp.main.2", (width, 4 * width))):
                block |= {f"attn_blocks.{layer}.{name}.weight": draw(*shape), f"attn_blocks.{layer}.{name}.bias": draw(shape[0])}
            for name in ("attention.norm", "mlp.norm"):
                block |= {f"attn_blocks.{layer}.{name}.weight": 1 + draw(width), f"attn_blocks.{layer}.{name}.bias": draw(width)}
        state |= {f"blocks.{b}.{name}": tensor for name, tensor in block.items()}
    return state


def parameters(state: State, block: int, tokens: Tensor, label: int | None, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """s and u [n, C] of the tokens that follow `tokens` [n, C], which are the first ones in the block's own order."""
    prefix = f"blocks.{block}."
    w = {name.removeprefix(prefix): tensor.double() for name, tensor in state.items() if name.startswith(prefix)}
    positions = w["pos_embed"].flip(0) if block % 2 else w["pos_embed"]
    x = tokens.double() @ w["proj_in.weight"].T + w["proj_in.bias"] + positions[: len(tokens)]
    if "class_embed" in w:
        x = x + (w["class_embed"].mean(0) if label is None else w["class_embed"][label])
    n, width = x.shape
    layers = 1 + max(int(name.split(".")[1]) for name in w if name.startswith("attn_blocks."))
    for layer in range(layers):
        a = {name.removeprefix(f"attn_blocks.{layer}."): tensor for name, tensor in w.items()}
        h = F.layer_norm(x, (width,), a["attention.norm.weight"], a["attention.norm.bias"])
        qkv = h @ a["attention.qkv.weight"].T + a["attention.qkv.bias"]
        heads = []
        for head in range(width // HEAD):
            q, k, v = (qkv[:, third * width + head * HEAD : third * width + (head + 1) * HEAD] for third in range(3))
            scores = q @ k.T / (HEAD**0.5 * temperature)
            scores[torch.triu(torch.ones(n, n, dtype=torch.bool), 1)] = -torch.inf
            heads.append(scores.softmax(-1) @ v)
        x = x + torch.cat(heads, 1) @ a["attention.proj.weight"].T + a["attention.proj.bias"]
        h = F.layer_norm(x, (width,), a["mlp.norm.weight"], a["mlp.norm.bias"])
        h = h @ a["mlp.main.0.weight"].T + a["mlp.main.0.bias"]
        h = h * 0.5 * (1 + torch.erf(h / 2**0.5))
        x = x + h @ a["mlp.main.2.weight"].T + a["mlp.main.2.bias"]
    out = x @ w["proj_out.weight"].T + w["proj_out.bias"]
    channels = out.shape[1] // 2
    return out[:, :channels], out[:, channels:]
