"""The Chameleon architecture in plain NumPy: float64, one sequence at a time, no cache.

It is written from descriptions of the architecture (pre-norm RMSNorm blocks, LayerNorm on each head's queries and keys before a half-split
rotation, SwiGLU; VQGAN decoder with GroupNorm(32)) and not from the exporter, so that the two check each other.
"""

from __future__ import annotations

import numpy as np

Weights = dict[str, np.ndarray]


def logits(weights: Weights, config: dict, ids: list[int]) -> np.ndarray:
    """Logits [n, vocabulary]. Row i predicts token i + 1."""
    return logits_of_embeddings(weights, config, weights["model.embed_tokens.weight"][ids])


def logits_of_embeddings(weights: Weights, config: dict, x: np.ndarray) -> np.ndarray:
    """The same for a sequence of embeddings [n, hidden]."""
    for i in range(config["num_hidden_layers"]):
        layer = {name.removeprefix(f"model.layers.{i}."): w for name, w in weights.items() if name.startswith(f"model.layers.{i}.")}
        x = x + attention(layer, config, rms_norm(x, layer["input_layernorm.weight"], config["rms_norm_eps"]))
        h = rms_norm(x, layer["post_attention_layernorm.weight"], config["rms_norm_eps"])
        gate, up = h @ layer["mlp.gate_proj.weight"].T, h @ layer["mlp.up_proj.weight"].T
        x = x + (swish(gate) * up) @ layer["mlp.down_proj.weight"].T
    return rms_norm(x, weights["model.norm.weight"], config["rms_norm_eps"]) @ weights["lm_head.weight"].T


def denoised(weights: Weights, ids: list[int], before: np.ndarray, keep: np.ndarray, add: np.ndarray) -> np.ndarray:
    """SJD2's step (arXiv 2510.08994) from the normalized embeddings `before` [n, hidden] towards those of the ids.

    `keep` and `add` [n] are the factors of `before` and of the ids' embeddings.
    """
    clean = (weights["model.embed_tokens.weight"][ids] - weights["denoising.mean"]) / weights["denoising.std"]
    return keep[:, None] * before + add[:, None] * clean


def read_at_levels(weights: Weights, ids: list[int], normalized: np.ndarray, level: np.ndarray) -> np.ndarray:
    """The rows that the model reads, [n, hidden].

    At level 0 they are the ids' embeddings. Else they are the denormalized embeddings, plus the vector of the level if the model has such
    vectors.
    """
    read = normalized * weights["denoising.std"] + weights["denoising.mean"]
    if "denoising.levels.first.weight" in weights:
        read = read + level_embedding(weights, level)
    return np.array([row if t > 0 else weights["model.embed_tokens.weight"][id] for row, t, id in zip(read, level, ids)])


def level_embedding(weights: Weights, level: np.ndarray) -> np.ndarray:
    """A network with one hidden layer over cosines and sines of the level.

    Their frequencies rise by 8 octaves, from half a turn per unit on.
    """
    w = {name.removeprefix("denoising.levels."): values for name, values in weights.items() if name.startswith("denoising.levels.")}
    count = w["first.weight"].shape[1] // 2
    turns = np.outer(level, [0.5 * 2 ** (8 * i / count) for i in range(count)])
    features = np.concatenate([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)
    return swish(features @ w["first.weight"].T + w["first.bias"]) @ w["second.weight"].T + w["second.bias"]


def attention(layer: Weights, config: dict, x: np.ndarray) -> np.ndarray:
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    q, k, v = (x @ layer[f"self_attn.{part}_proj.weight"].T for part in "qkv")
    q, k, v = (t.reshape(len(x), -1, config["hidden_size"] // heads) for t in (q, k, v))  # [n, heads, d]
    q = rotate(layer_norm(q, layer["self_attn.q_norm.weight"], layer["self_attn.q_norm.bias"]), config["rope_theta"])
    k = rotate(layer_norm(k, layer["self_attn.k_norm.weight"], layer["self_attn.k_norm.bias"]), config["rope_theta"])
    out = np.zeros_like(q)
    for head in range(heads):
        shared = head // (heads // kv_heads)
        products = q[:, head] @ k[:, shared].T / np.sqrt(q.shape[2])
        products[np.triu_indices(len(x), 1)] = -np.inf
        out[:, head] = softmax(products) @ v[:, shared]
    return out.reshape(len(x), -1) @ layer["self_attn.o_proj.weight"].T


def rotate(x: np.ndarray, theta: float) -> np.ndarray:
    """Rotates channel j of the first half with channel j of the second."""
    n, _, d = x.shape
    angle = (np.arange(n)[:, None] * theta ** (-2 * np.arange(d // 2) / d))[:, None]
    first, second = x[..., : d // 2], x[..., d // 2 :]
    return np.concatenate([first * np.cos(angle) - second * np.sin(angle), second * np.cos(angle) + first * np.sin(angle)], axis=-1)


def rms_norm(x: np.ndarray, gamma: np.ndarray, epsilon: float) -> np.ndarray:
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + epsilon) * gamma


def layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    centered = x - x.mean(axis=-1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-5) * gamma + beta


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def swish(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


class ImageDecoder:
    """Codes [h, w] to pixel values [3, H, W], clipped to [-1, 1]."""

    def __init__(self, weights: Weights) -> None:
        self.w = {name.removeprefix("model.vqmodel."): w for name, w in weights.items() if name.startswith("model.vqmodel.")}

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        x = self.w["quantize.embedding.weight"][codes].transpose(2, 0, 1)
        x = self.conv("decoder.conv_in", self.conv("post_quant_conv", x))
        x = self.block("decoder.mid.block_2", self.attention("decoder.mid.attn_1", self.block("decoder.mid.block_1", x)))
        levels = 1 + max(int(name.split(".")[2]) for name in self.w if name.startswith("decoder.up."))
        for level in range(levels - 1, -1, -1):
            x = self.block(f"decoder.up.{level}.block.0", x)
            if level > 0:
                x = self.conv(f"decoder.up.{level}.upsample.conv", x.repeat(2, axis=1).repeat(2, axis=2))
        return self.conv("decoder.conv_out", swish(self.norm("decoder.norm_out", x))).clip(-1, 1)

    def block(self, name: str, x: np.ndarray) -> np.ndarray:
        h = self.conv(f"{name}.conv1", swish(self.norm(f"{name}.norm1", x)))
        h = self.conv(f"{name}.conv2", swish(self.norm(f"{name}.norm2", h)))
        return h + (self.conv(f"{name}.nin_shortcut", x) if f"{name}.nin_shortcut.weight" in self.w else x)

    def attention(self, name: str, x: np.ndarray) -> np.ndarray:
        h = self.norm(f"{name}.norm", x)
        q, k, v = (self.conv(f"{name}.{part}", h).reshape(len(x), -1).T for part in "qkv")  # [h w, C]
        out = softmax(q @ k.T / np.sqrt(len(x))) @ v
        return x + self.conv(f"{name}.proj_out", out.T.reshape(x.shape))

    def norm(self, name: str, x: np.ndarray) -> np.ndarray:
        groups = x.reshape(32, -1)
        groups = (groups - groups.mean(axis=1, keepdims=True)) / np.sqrt(groups.var(axis=1, keepdims=True) + 1e-6)
        return groups.reshape(x.shape) * self.w[f"{name}.weight"][:, None, None] + self.w[f"{name}.bias"][:, None, None]

    def conv(self, name: str, x: np.ndarray) -> np.ndarray:
        kernel = self.w[f"{name}.weight"]
        pad = kernel.shape[2] // 2
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (pad, pad), (pad, pad))), kernel.shape[2:], axis=(1, 2))
        return np.einsum("ihwab,oiab->ohw", windows, kernel, optimize=True) + self.w[f"{name}.bias"][:, None, None]
