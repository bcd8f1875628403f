"""The built-in models' transformer: a small Chameleon, with the parameter names of the Hugging Face port."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class TransformerConfig:
    """Named as in config.json."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0
    max_position_embeddings: int = 512

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads


class RmsNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.eps) * self.weight


class HeadNorm(nn.Module):
    """LayerNorm over the channels of each head, x [..., heads, head dim]. Each head has its own weights."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(heads, width))
        self.bias = nn.Parameter(torch.zeros(heads, width))

    def forward(self, x: Tensor) -> Tensor:
        # in float32: PyTorch's bfloat16 kernel takes twice as long for rows this short
        return F.layer_norm(x.float(), x.shape[-1:], eps=1e-5) * self.weight + self.bias


def rotary_tables(positions: Tensor, config: TransformerConfig) -> tuple[Tensor, Tensor]:
    """cos and sin [T, 1, head dim / 2] of positions [T]."""
    inverse = config.rope_theta ** (-torch.arange(0, config.head_dim, 2, device=positions.device) / config.head_dim)
    angles = positions[:, None] * inverse
    return angles.cos()[:, None], angles.sin()[:, None]


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Half-split rotary embedding of x [..., T, heads, head dim]."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class Attention(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, self.heads = config.hidden_size, config.num_attention_heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.q_norm = HeadNorm(self.heads, config.head_dim)
        self.k_norm = HeadNorm(self.heads, config.head_dim)

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor], mask: Tensor, cache: list[Tensor] | None) -> Tensor:
        n, length, width = x.shape
        q, k, v = (project(x).view(n, length, self.heads, -1) for project in (self.q_proj, self.k_proj, self.v_proj))
        q, k = (rotate(norm(h), *tables).to(v.dtype) for norm, h in ((self.q_norm, q), (self.k_norm, k)))
        if cache is not None:
            if cache:
                k, v = torch.cat([cache[0], k], dim=1), torch.cat([cache[1], v], dim=1)
            cache[:] = [k, v]
        q, k, v = (h.transpose(1, 2) for h in (q * q.shape[-1] ** -0.5, k, v))
        weights = torch.softmax(q @ k.transpose(2, 3) + mask.to(q.dtype), dim=-1)
        return self.o_proj((weights @ v).transpose(1, 2).reshape(n, length, width))


class FeedForward(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate_proj(x)
        return self.down_proj(gate * torch.sigmoid(gate) * self.up_proj(x))  # five times faster than F.silu in bfloat16


class Layer(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.input_layernorm = RmsNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RmsNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = FeedForward(config)

    def forward(self, x: Tensor, tables: tuple[Tensor, Tensor], mask: Tensor, cache: list[Tensor] | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), tables, mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Transformer(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.model.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.model.norm = RmsNorm(config.hidden_size, config.rms_norm_eps)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        nn.init.normal_(self.model.embed_tokens.weight, std=0.02)
        nn.init.normal_(self.lm_head.weight, std=0.02)
        for layer in self.model.layers:
            nn.init.zeros_(layer.self_attn.o_proj.weight)
            nn.init.zeros_(layer.mlp.down_proj.weight)

    def forward(self, ids: Tensor, columns: slice, caches: list[list[Tensor]] | None = None) -> Tensor:
        """Logits [N, T, columns] after each of ids [N, T], for the part `columns` of the vocabulary.

        With `caches` (a list for each layer, empty at first) the ids continue the sequences in the caches.
        """
        return self.predict(self.model.embed_tokens(ids), columns, caches)

    def predict(self, x: Tensor, columns: slice, caches: list[list[Tensor]] | None = None, last: int | None = None) -> Tensor:
        """The same for embeddings [N, T, hidden], which need not belong to a token. With `last`, only of that many last places."""
        x = self.hidden(x, caches)
        return (x if last is None else x[:, -last:]) @ self.lm_head.weight[columns].t()

    def hidden(self, x: Tensor, caches: list[list[Tensor]] | None = None) -> Tensor:
        """The normalized states [N, T, hidden] that the head reads."""
        past = caches[0][0].shape[1] if caches and caches[0] else 0
        length = x.shape[1]
        tables = rotary_tables(torch.arange(past, past + length, device=x.device), self.config)
        mask = torch.full((length, past + length), float("-inf"), device=x.device).triu(past + 1)
        for i, layer in enumerate(self.model.layers):
            x = layer(x, tables, mask, None if caches is None else caches[i])
        return self.model.norm(x)
