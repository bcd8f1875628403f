"""OpenVLA and LLaVA in plain PyTorch: float64, written from descriptions of the models and not from the exporter."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]


def timm_tower(w: Weights, prefix: str, picture: Tensor, heads: int, mean: list[float], deviation: list[float]) -> Tensor:
    """The patches after the second-to-last block, of a picture [3, side, side] in [0, 1]."""
    w = {name.removeprefix(prefix): values for name, values in w.items() if name.startswith(prefix)}
    x = (picture - torch.tensor(mean).double()[:, None, None]) / torch.tensor(deviation).double()[:, None, None]
    kernel = w["patch_embed.proj.weight"]
    x = F.conv2d(x[None], kernel, w["patch_embed.proj.bias"], stride=kernel.shape[2]).flatten(2)[0].T + w["pos_embed"][0]
    prefixes = [w[name][0] for name in ("cls_token", "reg_token") if name in w]
    x = torch.cat([*prefixes, x])
    depth = 1 + max(int(name.split(".")[1]) for name in w if name.startswith("blocks."))
    for i in range(depth - 1):
        b = {name.removeprefix(f"blocks.{i}."): values for name, values in w.items() if name.startswith(f"blocks.{i}.")}
        h = F.layer_norm(x, x.shape[1:], b["norm1.weight"], b["norm1.bias"], 1e-6)
        q, k, v = (h @ b["attn.qkv.weight"].T + b["attn.qkv.bias"]).chunk(3, dim=1)
        x = x + attend(q, k, v, heads) @ b["attn.proj.weight"].T * b.get("ls1.scale_factor", 1) + b["attn.proj.bias"] * b.get(
            "ls1.scale_factor", 1)
        h = F.layer_norm(x, x.shape[1:], b["norm2.weight"], b["norm2.bias"], 1e-6)
        h = F.gelu(h @ b["mlp.fc1.weight"].T + b["mlp.fc1.bias"]) @ b["mlp.fc2.weight"].T + b["mlp.fc2.bias"]
        x = x + h * b.get("ls2.scale_factor", 1)
    return x[sum(len(each) for each in prefixes) :]


def clip_tower(w: Weights, picture: Tensor, heads: int) -> Tensor:
    prefix = "vision_tower.vision_model."
    w = {name.removeprefix(prefix): values for name, values in w.items() if name.startswith(prefix)}
    mean, deviation = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    x = (picture - torch.tensor(mean).double()[:, None, None]) / torch.tensor(deviation).double()[:, None, None]
    kernel = w["embeddings.patch_embedding.weight"]
    x = F.conv2d(x[None], kernel, stride=kernel.shape[2]).flatten(2)[0].T
    x = torch.cat([w["embeddings.class_embedding"][None], x]) + w["embeddings.position_embedding.weight"]
    x = F.layer_norm(x, x.shape[1:], w["pre_layrnorm.weight"], w["pre_layrnorm.bias"], 1e-5)
    depth = 1 + max(int(name.split(".")[2]) for name in w if name.startswith("encoder.layers."))
    for i in range(depth - 1):
        start = f"encoder.layers.{i}."
        b = {name.removeprefix(start): values for name, values in w.items() if name.startswith(start)}
        h = F.layer_norm(x, x.shape[1:], b["layer_norm1.weight"], b["layer_norm1.bias"], 1e-5)
        q, k, v = (h @ b[f"self_attn.{each}_proj.weight"].T + b[f"self_attn.{each}_proj.bias"] for each in "qkv")
        x = x + attend(q, k, v, heads) @ b["self_attn.out_proj.weight"].T + b["self_attn.out_proj.bias"]
        h = F.layer_norm(x, x.shape[1:], b["layer_norm2.weight"], b["layer_norm2.bias"], 1e-5)
        h = h @ b["mlp.fc1.weight"].T + b["mlp.fc1.bias"]
        x = x + (h * torch.sigmoid(1.702 * h)) @ b["mlp.fc2.weight"].T + b["mlp.fc2.bias"]
    return x[1:]


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    q, k, v = (each.view(len(each), heads, -1).transpose(0, 1) for each in (q, k, v))
    weights = torch.softmax(q @ k.transpose(1, 2) / q.shape[2] ** 0.5, dim=-1)
    return (weights @ v).transpose(0, 1).reshape(q.shape[1], -1)


def project(w: Weights, names: list[str], x: Tensor) -> Tensor:
    for i, name in enumerate(names):
        x = (F.gelu(x) if i else x) @ w[f"{name}.weight"].T + w[f"{name}.bias"]
    return x
