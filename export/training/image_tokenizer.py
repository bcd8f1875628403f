"""The image tokenizers of the built-in models, except their encoders: pixels to codes and back.

The decoder has Chameleon's layout (`model.vqmodel.decoder`), so the exporter treats it as that of any Chameleon checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .norm_silu import NormSilu


class ResBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.norm1 = NormSilu(groups, inputs, eps=1e-6)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = NormSilu(groups, outputs, eps=1e-6)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(self.norm1(x))
        h = self.conv2(self.norm2(h))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class AttentionBlock(nn.Module):
    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = NormSilu(groups, channels, eps=1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        h = self.norm(x, silu=False)
        q, k, v = (project(h).flatten(2) for project in (self.q, self.k, self.v))  # [N, C, H W]
        weights = torch.softmax(q.transpose(1, 2) @ k * c**-0.5, dim=-1)
        return x + self.proj_out((v @ weights.transpose(1, 2)).view(n, c, height, width))


class Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """The residual blocks of one resolution and, except at full resolution, the step to the next higher one."""

    def __init__(self, inputs: int, outputs: int, blocks: int, groups: int, upsample: bool) -> None:
        super().__init__()
        self.block = nn.ModuleList(ResBlock(inputs if i == 0 else outputs, outputs, groups) for i in range(blocks))
        if upsample:
            self.upsample = Upsample(outputs)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        return self.upsample(x) if hasattr(self, "upsample") else x


class Decoder(nn.Module):
    """A latent [N, latent channels, h, w] to pixels [N, 3, H, W]. `widths` and `blocks` list the levels from full resolution down."""

    def __init__(self, latent_channels: int, widths: Sequence[int], middle: int, blocks: Sequence[int], groups: int) -> None:
        super().__init__()
        inputs = (*widths[1:], middle)
        self.conv_in = nn.Conv2d(latent_channels, middle, 3, padding=1)
        self.mid = nn.Module()
        self.mid.block_1 = ResBlock(middle, middle, groups)
        self.mid.attn_1 = AttentionBlock(middle, groups)
        self.mid.block_2 = ResBlock(middle, middle, groups)
        self.up = nn.ModuleList(Level(inputs[i], width, blocks[i], groups, upsample=i > 0) for i, width in enumerate(widths))
        self.norm_out = NormSilu(groups, widths[0], eps=1e-6)
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.conv_in(z)
        h = self.mid.block_2(self.mid.attn_1(self.mid.block_1(h)))
        for level in reversed(self.up):
            h = level(h)
        return self.conv_out(self.norm_out(h))


class Quantizer(nn.Module):
    """Finite scalar quantization (Mentzer et al., arXiv 2309.15505): each channel is rounded to one of its levels.

    The codebook holds every combination of levels, so it cannot collapse and has no dead codes. In the checkpoint it is an ordinary lookup
    table.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        levels_of = torch.tensor(levels)
        place_values = torch.cat([torch.ones(1, dtype=torch.long), levels_of.cumprod(0)[:-1]])
        digits = torch.arange(math.prod(levels))[:, None] // place_values % levels_of
        self.embedding = nn.Embedding(math.prod(levels), len(levels))
        self.embedding.weight.requires_grad_(False)
        self.embedding.weight.data = digits * 2.0 / (levels_of - 1) - 1  # levels spread over [-1, 1]
        self.register_buffer("levels", levels_of, persistent=False)
        self.register_buffer("place_values", place_values, persistent=False)

    def digits(self, z: Tensor) -> Tensor:
        """Level indices of vectors [..., channels] in [-1, 1]."""
        return torch.minimum(((z + 1) / 2 * self.levels).floor().clamp_min(0), self.levels - 1.0)

    def codes(self, z: Tensor) -> Tensor:
        return (self.digits(z).long() * self.place_values).sum(dim=-1)

    def forward(self, z: Tensor) -> Tensor:
        """The rounded vectors; gradients pass through as if nothing had been rounded."""
        rounded = self.digits(z) * 2 / (self.levels - 1) - 1
        return z + (rounded - z).detach()


class ImageTokenizer(nn.Module):
    """Encoder, quantizer and decoder. One code stands for `p` x `p` pixels, where p = 2 ** (number of widths - 1)."""

    def __init__(
        self, encoder: nn.Module, levels: Sequence[int], latent_channels: int, widths: Sequence[int], middle: int, blocks: Sequence[
            int], groups: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.quantize = Quantizer(levels)
        self.post_quant_conv = nn.Conv2d(len(levels), latent_channels, 1)
        self.decoder = Decoder(latent_channels, widths, middle, blocks, groups)

    def encode(self, pixels: Tensor) -> Tensor:
        """Codes [N, H / p, W / p] of pixels [N, 3, H, W] in [-1, 1]."""
        return self.quantize.codes(self.encoder(pixels).permute(0, 2, 3, 1))

    def decode(self, codes: Tensor) -> Tensor:
        """Pixels [N, 3, H, W] of codes [N, H / p, W / p]; values may lie slightly outside [-1, 1]."""
        return self.decoder(self.post_quant_conv(self.quantize.embedding(codes).permute(0, 3, 1, 2)))

    def forward(self, pixels: Tensor) -> Tensor:
        """The reconstruction [N, 3, H, W] of pixels [N, 3, H, W]."""
        z = self.quantize(self.encoder(pixels).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.decoder(self.post_quant_conv(z))


def spread(x: Tensor) -> Tensor:
    """The last step of an encoder, after a BatchNorm.

    A normal variable's distribution function spreads each channel evenly over [-1, 1], so that every level is used.
    """
    return torch.erf(x.float() / 2**0.5)
