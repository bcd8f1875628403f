"""The published transformers in plain PyTorch: float64, a whole sequence at a time, no cache.

They are written from descriptions of the architectures, with the names in the checkpoints, and not from the exporter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Weights = dict[str, Tensor]
Rotate = Callable[[Tensor], Tensor]  # rotates [n, heads, d] by position


def hugging_face_block(w: Weights, prefix: str) -> Weights:
    return {name.removeprefix(prefix): values for name, values in w.items() if name.startswith(prefix)}


def decode(
    x: Tensor, blocks: Sequence[Weights], heads: int, kv_heads: int, epsilon: float, rotate: Rotate,
    norm_after: bool = False, sees: Tensor | None = None,
) -> Tensor:
    """Hidden states [n, hidden] before the final norm. `sees` [n, n] says which query sees which key, in addition to causality."""
    n = len(x)
    mask = torch.ones(n, n, dtype=torch.bool).tril()
    if sees is not None:
        mask &= sees
    for w in blocks:
        if norm_after:  # Chameleon 30B and 34B
            x = x + rms_norm(attention(x, w, heads, kv_heads, rotate, mask), w["input_layernorm.weight"], epsilon)
            x = x + rms_norm(mlp(x, w), w["post_attention_layernorm.weight"], epsilon)
        else:
            x = x + attention(rms_norm(x, w["input_layernorm.weight"], epsilon), w, heads, kv_heads, rotate, mask)
            x = x + mlp(rms_norm(x, w["post_attention_layernorm.weight"], epsilon), w)
    return x


def attention(x: Tensor, w: Weights, heads: int, kv_heads: int, rotate: Rotate, mask: Tensor) -> Tensor:
    q, k, v = (x @ w[f"self_attn.{part}_proj.weight"].T for part in "qkv")
    q, k, v = q.view(len(x), heads, -1), k.view(len(x), kv_heads, -1), v.view(len(x), kv_heads, -1)
    if "self_attn.q_norm.weight" in w:
        q, k = (layer_norm(t, w[f"self_attn.{part}_norm.weight"], w[f"self_attn.{part}_norm.bias"]) for t, part in ((q, "q"), (k, "k")))
    q, k = rotate(q), rotate(k)
    k, v = (t.repeat_interleave(heads // kv_heads, dim=1) for t in (k, v))
    products = torch.einsum("qhd,khd->hqk", q, k) / q.shape[2] ** 0.5
    weights = products.masked_fill(~mask, -torch.inf).softmax(-1)
    # NaN is the result of queries that see nothing. They are padding, whose results are not read.
    return torch.einsum("hqk,khd->qhd", torch.nan_to_num(weights), v).reshape(len(x), -1) @ w["self_attn.o_proj.weight"].T


def mlp(x: Tensor, w: Weights) -> Tensor:
    gate, up = x @ w["mlp.gate_proj.weight"].T, x @ w["mlp.up_proj.weight"].T
    return (gate * gate.sigmoid() * up) @ w["mlp.down_proj.weight"].T


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return x * (x.square().mean(-1, keepdim=True) + epsilon).rsqrt() * weight


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """LayerNorm over each head's channels. Consecutive heads share a row of the weights [rows, d]."""
    repeat = x.shape[1] // len(weight)
    centered = x - x.mean(-1, keepdim=True)
    normed = centered / (centered.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return normed * weight.repeat_interleave(repeat, 0) + bias.repeat_interleave(repeat, 0)


def half_split(theta: float) -> Rotate:
    """Rotates channel j with channel j + d / 2."""

    def rotate(x: Tensor) -> Tensor:
        n, _, d = x.shape
        angle = torch.arange(n, dtype=torch.float64)[:, None] * theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
        cos, sin = angle.cos().repeat(1, 2)[:, None], angle.sin().repeat(1, 2)[:, None]
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat([-second, first], dim=-1) * sin

    return rotate


def by_row_and_column(side: int, conditions: int) -> Rotate:
    """LlamaGen's rotation: the first half of the complex numbers by the row, the other by the column. Those of conditions become 0."""

    def rotate(x: Tensor) -> Tensor:
        d = x.shape[2]
        frequencies = 10000.0 ** (-torch.arange(0, d // 2, 2, dtype=torch.float64) / (d // 2))
        turns = [torch.zeros(d // 2, dtype=torch.complex128) for _ in range(conditions)]
        for row in range(side):
            for column in range(side):
                angle = torch.cat([row * frequencies, column * frequencies])
                turns.append(torch.polar(torch.ones_like(angle), angle))
        return _turn(x, torch.stack(turns[: len(x)]))

    return rotate


def _turn(x: Tensor, turns: Tensor) -> Tensor:
    numbers = torch.view_as_complex(x.reshape(*x.shape[:2], -1, 2).contiguous())
    return torch.view_as_real(numbers * turns[:, None]).flatten(2)


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))
