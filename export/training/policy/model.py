"""A small OpenVLA: two vision transformers, a projector and a Llama, with the parameter names of the official checkpoints."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..transformer import Transformer, TransformerConfig
from .tokens import BINS, PADDING

TIMM_IDS = ("vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224")  # whose structure the two featurizers have
MEANS = ((0.484375, 0.455078125, 0.40625), (0.5, 0.5, 0.5))  # as in OpenVLA's preprocessor_config.json, rounded to bfloat16
DEVIATIONS = ((0.228515625, 0.2236328125, 0.224609375), (0.5, 0.5, 0.5))


@dataclasses.dataclass(frozen=True)
class PolicyConfig:
    side: int = 32  # pixels
    patch: int = 8
    vision_width: int = 64
    vision_heads: int = 2
    vision_depth: int = 3  # blocks; as in OpenVLA, the last one is not used
    registers: int = 4
    language: TransformerConfig = TransformerConfig(
        vocab_size=640, hidden_size=128, num_hidden_layers=3, num_attention_heads=4, intermediate_size=352, max_position_embeddings=256)

    @property
    def patches(self) -> int:
        return (self.side // self.patch) ** 2


class LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale_factor = nn.Parameter(torch.full((width,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale_factor


class VisionAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = self.qkv(x).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(2, 3) * q.shape[-1] ** -0.5, dim=-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, length, width))


class VisionBlock(nn.Module):
    def __init__(self, width: int, heads: int, scaled: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = VisionAttention(width, heads)
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.ls1, self.ls2 = (LayerScale(width) if scaled else nn.Identity() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp.fc2(F.gelu(self.mlp.fc1(self.norm2(x)))))


class Featurizer(nn.Module):
    """timm's VisionTransformer: DINOv2's with a class token, registers and layer scale, SigLIP's without them."""

    def __init__(self, config: PolicyConfig, registers: int) -> None:
        super().__init__()
        width = config.vision_width
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, width, config.patch, config.patch)
        self.pos_embed = nn.Parameter(torch.randn(1, config.patches, width) * 0.5)
        self.prefix = 1 + registers if registers else 0
        if registers:
            self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
            self.reg_token = nn.Parameter(torch.randn(1, registers, width) * 0.02)
        self.blocks = nn.ModuleList(VisionBlock(width, config.vision_heads, registers > 0) for _ in range(config.vision_depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        for unused in (self.blocks[-1], self.norm):
            unused.requires_grad_(False)

    def forward(self, pixels: Tensor) -> Tensor:
        """The patches [N, patches, width] after the second-to-last block, without the final norm."""
        x = self.patch_embed.proj(pixels).flatten(2).transpose(1, 2) + self.pos_embed
        if self.prefix:
            x = torch.cat([token.expand(len(x), -1, -1) for token in (self.cls_token, self.reg_token)] + [x], dim=1)
        for block in self.blocks[:-1]:
            x = block(x)
        return x[:, self.prefix :]


class Policy(nn.Module):
    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_backbone = nn.Module()
        self.vision_backbone.featurizer = Featurizer(config, config.registers)
        self.vision_backbone.fused_featurizer = Featurizer(config, 0)
        width, hidden = 2 * config.vision_width, config.language.hidden_size
        self.projector = nn.Module()
        self.projector.fc1 = nn.Linear(width, 4 * width)
        self.projector.fc2 = nn.Linear(4 * width, hidden)
        self.projector.fc3 = nn.Linear(hidden, hidden)
        self.language_model = Transformer(config.language)
        for layer in self.language_model.model.layers:  # a Llama has no norms of heads
            layer.self_attn.q_norm = layer.self_attn.k_norm = nn.Identity()
        self._order_actions()

    @torch.no_grad()
    def _order_actions(self) -> None:
        """Makes the rows of neighboring action values alike, in the embedding and in the head, so that they are learned together."""
        end = self.config.language.vocab_size - PADDING
        values = torch.linspace(1, -1, BINS)  # of the ids in order
        bumps = torch.exp(-(((values[:, None] - torch.linspace(-1, 1, 48)) / 0.06) ** 2) / 2)  # [BINS, 48]
        for table in (self.language_model.model.embed_tokens.weight, self.language_model.lm_head.weight):
            rows = bumps @ torch.randn(bumps.shape[1], table.shape[1])
            table[end - BINS : end] = rows / rows.std() * table.std() * 3

    def matrices(self) -> list[Tensor]:
        """The weights for Muon: all matrices but embeddings and the head."""
        parts = [self.language_model.model.layers, self.projector, self.vision_backbone]
        return [
            p for part in parts for name, p in part.named_parameters()
            if p.requires_grad and (p.ndim == 2 or name.endswith("patch_embed.proj.weight"))]

    def features(self, pictures: Tensor) -> Tensor:
        """Both featurizers' patches side by side, [N, patches, 2 vision width], of pictures uint8 [N, side, side, 3]."""
        pixels = pictures.permute(0, 3, 1, 2).float() / 255
        features = []
        for part, mean, deviation in zip(("featurizer", "fused_featurizer"), MEANS, DEVIATIONS):
            normalized = (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]
            features.append(getattr(self.vision_backbone, part)(normalized))
        return torch.cat(features, dim=2)

    def prompt(self, pictures: Tensor, text: Tensor) -> Tensor:
        """Embeddings of BOS, the patches and the rest of the text [N, T], whose first id is BOS."""
        return self.prompt_of(self.features(pictures), text)

    def prompt_of(self, features: Tensor, text: Tensor) -> Tensor:
        """The same, for patches that were seen already."""
        words = self.language_model.model.embed_tokens(text)
        x = F.gelu(self.projector.fc1(features))
        patches = self.projector.fc3(F.gelu(self.projector.fc2(x)))
        return torch.cat([words[:, :1], patches, words[:, 1:]], dim=1)

    def logits(self, embedded: Tensor, last: int, caches: list[list[Tensor]] | None = None) -> Tensor:
        """Logits [N, last, vocabulary] of the last places of the embedded tokens."""
        return self.language_model.predict(embedded, slice(None), caches, last)

    def embed(self, ids: Tensor) -> Tensor:
        return self.language_model.model.embed_tokens(ids)

    def new_caches(self) -> list[list[Any]]:
        return [[] for _ in self.language_model.model.layers]
