"""PCCoT in PyTorch and float64, written from its description and from those of GPT-2, Llama and LoRA. It knows nothing of the exporter.

Adapters stay apart here: a changed matrix gives x W + alpha / r (x A^T) B^T.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Cache = list[tuple[Tensor, Tensor]]  # for each layer, keys and values [T, key-value heads, head dim]


class Model:
    """`weights` are the base's under the names of the whole model, and `factors` are A and B by the name of a weight."""

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, np.ndarray],
                 factors: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None, scale: float = 0) -> None:
        self.config, self.scale = config, scale
        self.weights = {name: torch.tensor(values, dtype=torch.float64) for name, values in weights.items()}
        self.factors = {name: [torch.tensor(each, dtype=torch.float64) for each in pair] for name, pair in (factors or {}).items()}
        self.is_gpt2 = "gpt2" in config["model_type"]
        self.embedding = self.weights["transformer.wte.weight" if self.is_gpt2 else "model.embed_tokens.weight"]

    def read(self, x: Tensor, past: Cache | None) -> tuple[Tensor, Cache]:
        """The hidden states [S, D] after the final norm of embeddings x [S, D] after a cache, and the cache with them."""
        before = past[0][0].shape[0] if past else 0
        layers = self.config["n_layer" if self.is_gpt2 else "num_hidden_layers"]
        if self.is_gpt2:
            x = x + self.weights["transformer.wpe.weight"][before : before + len(x)]
        cache = []
        for i in range(layers):
            x, pair = (self._gpt2_layer if self.is_gpt2 else self._llama_layer)(i, x, past[i] if past else None, before)
            cache.append(pair)
        return self._layer_norm("transformer.ln_f", x) if self.is_gpt2 else self._rms_norm("model.norm", x), cache

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.weights.get("lm_head.weight", self.embedding).t()

    def fed_back(self, hidden: Tensor) -> Tensor:
        if not self.config["use_projection"]:
            return hidden
        inner = F.gelu(F.linear(hidden, self.weights["prj.0.weight"], self.weights["prj.0.bias"]))
        return self._layer_norm("prj.3", F.linear(inner, self.weights["prj.2.weight"], self.weights["prj.2.bias"]))

    def think(self, question: list[int], arguments: Mapping[str, Any], iterations: int) -> tuple[list[Tensor], Cache]:
        """The iterates [c, D], from the first guess on, and the cache of question, <bot> and latent tokens."""
        boundary = len(question) + 1
        ids = [*question, arguments["bot_token_id"], *[arguments["latent_token_id"]] * arguments["num_latent_tokens"]]
        hidden, cache = self.read(self.embedding[ids], None)
        kept = [(k[:boundary], v[:boundary]) for k, v in cache]
        thoughts = self.fed_back(hidden)[boundary - 1 : -1]
        iterates = [thoughts]
        for _ in range(iterations):
            hidden, cache = self.read(thoughts, kept)
            thoughts = torch.cat([thoughts[:1], self.fed_back(hidden)[:-1]])
            iterates.append(thoughts)
        return iterates, cache

    def answer(self, cache: Cache, prompt: list[int], stops: list[int], most: int) -> tuple[list[int], list[Tensor]]:
        """The greedy answer without the token that ends it, and the logits of each step."""
        found, all_logits, ids = [], [], prompt
        while True:
            hidden, cache = self.read(self.embedding[ids], cache)
            all_logits.append(self.logits(hidden[-1]))
            ids = [int(all_logits[-1].argmax())]
            if ids[0] in stops:
                return found, all_logits
            found += ids
            if len(found) == most:
                return found, all_logits

    def _gpt2_layer(self, i: int, x: Tensor, past: tuple[Tensor, Tensor] | None, before: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        name, heads = f"transformer.h.{i}", self.config["n_head"]
        q, k, v = (part.reshape(len(x), heads, -1) for part in self._product(
            f"{name}.attn.c_attn", self._layer_norm(f"{name}.ln_1", x)).split(x.shape[1], dim=1))
        attended, pair = attention(q, k, v, past)
        x = x + self._product(f"{name}.attn.c_proj", attended)
        inner = F.gelu(self._product(f"{name}.mlp.c_fc", self._layer_norm(f"{name}.ln_2", x)), approximate="tanh")
        return x + self._product(f"{name}.mlp.c_proj", inner), pair

    def _llama_layer(self, i: int, x: Tensor, past: tuple[Tensor, Tensor] | None, before: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        name, config = f"model.layers.{i}", self.config
        width = config["hidden_size"] // config["num_attention_heads"]
        normed = self._rms_norm(f"{name}.input_layernorm", x)
        q, k, v = (self._product(f"{name}.self_attn.{part}_proj", normed).reshape(len(x), -1, width) for part in "qkv")
        q, k = (self._rotate(part, before) for part in (q, k))
        attended, pair = attention(q, k, v, past)
        x = x + self._product(f"{name}.self_attn.o_proj", attended)
        normed = self._rms_norm(f"{name}.post_attention_layernorm", x)
        inner = F.silu(self._product(f"{name}.mlp.gate_proj", normed)) * self._product(f"{name}.mlp.up_proj", normed)
        return x + self._product(f"{name}.mlp.down_proj", inner), pair

    def _rotate(self, x: Tensor, before: int) -> Tensor:
        """Hugging Face's rotation: channel j with channel j + half. Frequencies are Llama 3's where config.json has its scaling."""
        width = x.shape[-1]
        inverse = 1 / self.config["rope_theta"] ** (torch.arange(0, width, 2, dtype=torch.float64) / width)
        if scaling := self.config.get("rope_scaling"):
            original, low, high = (scaling[key] for key in ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor"))
            for j, frequency in enumerate(inverse.tolist()):
                length = 2 * math.pi / frequency
                if length > original / low:
                    inverse[j] = frequency / scaling["factor"]
                elif length >= original / high:
                    smooth = (original / length - low) / (high - low)
                    inverse[j] = (1 - smooth) * frequency / scaling["factor"] + smooth * frequency
        angles = torch.outer(torch.arange(before, before + len(x), dtype=torch.float64), inverse)
        angles = torch.cat([angles, angles], dim=1)[:, None]
        half = torch.cat([-x[..., width // 2 :], x[..., : width // 2]], dim=-1)
        return x * angles.cos() + half * angles.sin()

    def _product(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias", 0)
        product = x @ (weight if self.is_gpt2 else weight.t()) + bias
        if f"{name}.weight" in self.factors:
            first, second = self.factors[f"{name}.weight"]
            product = product + self.scale * (x @ first.t()) @ second.t()
        return product

    def _layer_norm(self, name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], 1e-5)

    def _rms_norm(self, name: str, x: Tensor) -> Tensor:
        return x / (x.square().mean(dim=-1, keepdim=True) + self.config["rms_norm_eps"]).sqrt() * self.weights[f"{name}.weight"]


def attention(q: Tensor, k: Tensor, v: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """One query and one head at a time: [S, heads head_dim], and keys and values with those of the past."""
    if past is not None:
        k, v = torch.cat([past[0], k]), torch.cat([past[1], v])
    before, shared = len(k) - len(q), q.shape[1] // k.shape[1]
    rows = []
    for i in range(len(q)):
        seen = slice(0, before + i + 1)
        row = []
        for head in range(q.shape[1]):
            scores = k[seen, head // shared] @ q[i, head] / math.sqrt(q.shape[2])
            row.append(torch.softmax(scores, dim=0) @ v[seen, head // shared])
        rows.append(torch.cat(row))
    return torch.stack(rows), (k, v)
