"""A small GPT-2, with the parameter names and layouts of the Hugging Face port, that reads ids or embeddings and keeps keys and values."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Cache = list[tuple[Tensor, Tensor]]  # for each layer, keys and values [N, heads, T, head dim]


@dataclasses.dataclass(frozen=True)
class Config:
    """Named as in config.json."""

    vocab_size: int
    n_embd: int = 64
    n_layer: int = 2
    n_head: int = 4
    n_positions: int = 64
    layer_norm_epsilon: float = 1e-5


class Conv1D(nn.Module):
    """A product with a matrix stored as [inputs, outputs], as GPT-2 stores it."""

    def __init__(self, inputs: int, outputs: int, std: float = 0.02) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * std)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], -1)


class Attention(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.heads = config.n_head
        self.c_attn = Conv1D(config.n_embd, 3 * config.n_embd)
        self.c_proj = Conv1D(config.n_embd, config.n_embd, 0.02 / (2 * config.n_layer) ** 0.5)

    def forward(self, x: Tensor, mask: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        n, length, width = x.shape
        q, k, v = self.c_attn(x).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        weights = torch.softmax(q @ k.transpose(2, 3) * q.shape[-1] ** -0.5 + mask, dim=-1)
        return self.c_proj((weights @ v).transpose(1, 2).reshape(n, length, width)), (k, v)


class FeedForward(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.c_fc = Conv1D(config.n_embd, 4 * config.n_embd)
        self.c_proj = Conv1D(4 * config.n_embd, config.n_embd, 0.02 / (2 * config.n_layer) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = (nn.LayerNorm(config.n_embd, config.layer_norm_epsilon) for _ in range(2))
        self.attn, self.mlp = Attention(config), FeedForward(config)

    def forward(self, x: Tensor, mask: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        attended, present = self.attn(self.ln_1(x), mask, past)
        x = x + attended
        return x + self.mlp(self.ln_2(x)), present


class Gpt2(nn.Module):
    """The head is the embedding's matrix."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.transformer = nn.Module()
        self.transformer.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.transformer.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.transformer.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.transformer.ln_f = nn.LayerNorm(config.n_embd, config.layer_norm_epsilon)
        nn.init.normal_(self.transformer.wte.weight, std=0.02)
        nn.init.normal_(self.transformer.wpe.weight, std=0.02)

    def embed(self, ids: Tensor) -> Tensor:
        """The embeddings [N, T, D] of ids [N, T], without positions."""
        return self.transformer.wte(ids)

    def forward(self, embeddings: Tensor, past: Cache | None = None) -> tuple[Tensor, Cache, list[Tensor]]:
        """What follows the cached tokens: hidden states after the final norm, all keys and values, and each layer's hidden states.

        The last layer's are those after the final norm.
        """
        length = embeddings.shape[1]
        before = past[0][0].shape[2] if past else 0
        x = embeddings + self.transformer.wpe.weight[before : before + length]
        mask = torch.full((length, before + length), float("-inf")).triu(before + 1)
        presents, states = [], []
        for i, block in enumerate(self.transformer.h):
            x, present = block(x, mask, past[i] if past else None)
            presents.append(present)
            states.append(x)
        states[-1] = self.transformer.ln_f(x)
        return states[-1], presents, states

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.transformer.wte.weight.t()
