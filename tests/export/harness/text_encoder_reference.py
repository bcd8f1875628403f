"""FLAN-T5's encoder and LlamaGen's caption embedding in plain PyTorch: float64, with LlamaGen's padding and masks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Weights = dict[str, Tensor]


def condition(t5: Weights, captions: Weights, ids: list[int]) -> Tensor:
    """The conditions [2 n, width] of the conditional and the unconditional sequence that their masks leave visible."""
    places = len(captions["cls_embedding.uncond_embedding"])
    n, padding = len(ids), places - len(ids)
    mask = torch.tensor([1.0] * n + [0.0] * padding, dtype=torch.float64)
    features = encode(t5, torch.tensor(ids + [0] * padding), mask)
    features, mask = torch.cat([features[n:], features[:n]]), mask.flip(0)  # LlamaGen moves padding to the left
    guided, unguided = (project(captions, x * mask[:, None]) for x in (features, captions["cls_embedding.uncond_embedding"]))
    return torch.cat([guided[mask == 1], unguided[mask == 1]])


def project(captions: Weights, x: Tensor) -> Tensor:
    return gelu(x @ captions["cls_embedding.cap_proj.fc1.weight"].T) @ captions["cls_embedding.cap_proj.fc2.weight"].T


def encode(w: Weights, ids: Tensor, mask: Tensor) -> Tensor:
    """[n, hidden]"""
    bias_of = w["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    places = range(len(ids))
    nearness = torch.tensor([[bucket(key - query, len(bias_of)) for key in places] for query in places])
    bias = bias_of[nearness].permute(2, 0, 1) + (1 - mask) * -1e30  # [heads, queries, keys]
    x = w["shared.weight"][ids]
    for i in range(1 + max(int(name.split(".")[2]) for name in w if name.startswith("encoder.block."))):
        start = f"encoder.block.{i}.layer."
        block = {name.removeprefix(start): values for name, values in w.items() if name.startswith(start)}
        x = x + attention(block, norm(x, block["0.layer_norm.weight"]), bias)
        h = norm(x, block["1.layer_norm.weight"])
        gate, up, down = (block[f"1.DenseReluDense.{part}.weight"].T for part in ("wi_0", "wi_1", "wo"))
        x = x + (gelu(h @ gate) * (h @ up)) @ down
    return norm(x, w["encoder.final_layer_norm.weight"])


def attention(block: Weights, x: Tensor, bias: Tensor) -> Tensor:
    q, k, v = ((x @ block[f"0.SelfAttention.{part}.weight"].T).view(len(x), len(bias), -1).transpose(0, 1) for part in "qkv")
    attended = (q @ k.transpose(1, 2) + bias).softmax(2) @ v  # [heads, n, channels]
    return attended.transpose(0, 1).reshape(len(x), -1) @ block["0.SelfAttention.o.weight"].T


def bucket(distance: int, number: int) -> int:
    """T5's bucket of a distance. Near distances have one bucket each, far ones share buckets logarithmically, up to 128."""
    half = number // 2
    offset, distance = (half if distance > 0 else 0), abs(distance)
    near = half // 2
    if distance < near:
        return offset + distance
    far = near + math.floor(math.log(distance / near) / math.log(128 / near) * (half - near) + 1e-9)
    return offset + min(far, half - 1)


def norm(x: Tensor, gamma: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * gamma


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
