"""TarFlow (arXiv 2412.06329) in PyTorch, under the official names of its tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEAD = 64  # channels of an attention head, in every published model


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.qkv(self.norm(x)).view(n, t, 3 * width // HEAD, HEAD).transpose(1, 2).chunk(3, dim=1)
        scores = (q * HEAD**-0.5) @ k.transpose(2, 3)
        weights = (scores + mask.to(scores.dtype)).softmax(-1, dtype=scores.dtype)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, t, width))


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.main = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.main(self.norm(x))


class Layer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = Attention(width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attention(x, mask)
        return x + self.mlp(x)


class Block(nn.Module):
    """One autoregressive flow. It reads its tokens in raster order, or backwards if `reverses`."""

    def __init__(self, channels: int, width: int, tokens: int, layers: int, classes: int, reverses: bool) -> None:
        super().__init__()
        self.proj_in = nn.Linear(channels, width)
        self.pos_embed = nn.Parameter(torch.randn(tokens, width) * 1e-2)
        self.class_embed = nn.Parameter(torch.randn(classes, 1, width) * 1e-2)
        self.attn_blocks = nn.ModuleList(Layer(width) for _ in range(layers))
        self.proj_out = nn.Linear(width, 2 * channels)
        nn.init.zeros_(self.proj_out.weight)
        self.reverses = reverses
        self.register_buffer("attn_mask", torch.tril(torch.ones(tokens, tokens)))

    def forward(self, x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """z of x [N, T, C] and the mean logarithm of its scales [N]. Class -1 is the mean of all classes."""
        if self.reverses:
            x = x.flip(1)
        positions = self.pos_embed.flip(0) if self.reverses else self.pos_embed
        embedding = torch.cat([self.class_embed, self.class_embed.mean(0, keepdim=True)])[classes]
        hidden = self.proj_in(x) + positions + embedding
        mask = torch.zeros_like(self.attn_mask).masked_fill(self.attn_mask == 0, -torch.inf)
        for layer in self.attn_blocks:
            hidden = layer(hidden, mask)
        out = F.pad(self.proj_out(hidden).float()[:, :-1], (0, 0, 1, 0))  # the output at a position is about the next one
        s, u = out.chunk(2, dim=-1)
        z = (x - u) * (-s).exp()
        return z.flip(1) if self.reverses else z, -s.mean((1, 2))


class TarFlow(nn.Module):
    def __init__(self, side: int, patch: int, width: int, blocks: int, layers: int, classes: int) -> None:
        super().__init__()
        self.patch = patch
        tokens, channels = (side // patch) ** 2, 3 * patch**2
        self.blocks = nn.ModuleList(Block(channels, width, tokens, layers, classes, b % 2 == 1) for b in range(blocks))
        self.register_buffer("var", torch.ones(tokens, channels))

    def forward(self, pictures: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """z [N, T, C] of pictures [N, 3, side, side], and the mean log-determinant [N], both for each number of a picture."""
        x = F.unfold(pictures, self.patch, stride=self.patch).transpose(1, 2)
        total = torch.zeros(len(x))
        for block in self.blocks:
            x, logarithm = block(x, classes)
            total = total + logarithm
        return x, total


def losses(z: Tensor, logarithms: Tensor) -> Tensor:
    """Negative log-likelihoods [N] in nats for each number of a picture, without the constant of the normal distribution."""
    return 0.5 * z.pow(2).mean((1, 2)) - logarithms
