"""The image tokenizer: 256 x 256 pixels to 16 x 16 codes and back.

The decoder has the Chameleon layout (`model.vqmodel.decoder`), so the exporter for Chameleon checkpoints exports it. Its capacity is at
the low resolutions, where it is cheap. The encoder only makes training data: it folds 4 x 4 pixels into channels first.
"""

from __future__ import annotations

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .normsilu import NormSilu


@dataclasses.dataclass(frozen=True)
class AutoencoderConfig:
    levels: tuple[int, ...] = (4, 4, 4, 4, 4, 4)  # of each code channel; a code is one combination of levels
    latent_channels: int = 64  # what post_quant_conv widens a code to
    widths: tuple[int, ...] = (16, 16, 32, 64, 128)  # of the decoder's levels, from full resolution down
    middle: int = 256
    blocks: tuple[int, ...] = (1, 1, 1, 2, 2)  # residual blocks of each level
    encoder_widths: tuple[int, ...] = (64, 128, 256)
    groups: int = 8

    @property
    def codes(self) -> int:
        return math.prod(self.levels)


class EncoderBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class Encoder(nn.Sequential):
    """Pixels [N, 3, H, W] in [-1, 1] to vectors in [-1, 1], [N, code channels, H/16, W/16].

    The last two steps, a normal variable's own distribution function, spread every channel evenly over [-1, 1], so that
    no level of a code goes unused.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        first, second, third = config.encoder_widths
        super().__init__(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, first, 3, padding=1), nn.ReLU(),
            nn.Conv2d(first, second, 4, stride=2, padding=1), EncoderBlock(second), nn.ReLU(),
            nn.Conv2d(second, third, 4, stride=2, padding=1), EncoderBlock(third), nn.ReLU(),
            nn.Conv2d(third, len(config.levels), 1),
            nn.BatchNorm2d(len(config.levels), affine=False),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.erf(super().forward(pixels).float() / 2**0.5)


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
    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        middle, groups, inputs = config.middle, config.groups, (*config.widths[1:], config.middle)
        self.conv_in = nn.Conv2d(config.latent_channels, middle, 3, padding=1)
        self.mid = nn.Module()
        self.mid.block_1 = ResBlock(middle, middle, groups)
        self.mid.attn_1 = AttentionBlock(middle, groups)
        self.mid.block_2 = ResBlock(middle, middle, groups)
        self.up = nn.ModuleList(
            Level(inputs[i], width, config.blocks[i], groups, upsample=i > 0) for i, width in enumerate(config.widths)
        )
        self.norm_out = NormSilu(groups, config.widths[0], eps=1e-6)
        self.conv_out = nn.Conv2d(config.widths[0], 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.conv_in(z)
        h = self.mid.block_2(self.mid.attn_1(self.mid.block_1(h)))
        for level in reversed(self.up):
            h = level(h)
        return self.conv_out(self.norm_out(h))


class Quantizer(nn.Module):
    """Finite scalar quantization (Mentzer et al., arXiv 2309.15505): each channel is rounded to one of its levels.

    The codebook is the grid of all level combinations, so it can neither collapse nor hold dead codes; to a reader of
    the checkpoint it is an ordinary lookup table.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        levels = torch.tensor(config.levels)
        place_values = torch.cat([torch.ones(1, dtype=torch.long), levels.cumprod(0)[:-1]])
        digits = torch.arange(config.codes)[:, None] // place_values % levels
        self.embedding = nn.Embedding(config.codes, len(config.levels))
        self.embedding.weight.requires_grad_(False)
        self.embedding.weight.data = digits * 2.0 / (levels - 1) - 1  # levels spread over [-1, 1]
        self.register_buffer("levels", levels, persistent=False)
        self.register_buffer("place_values", place_values, persistent=False)

    def digits(self, z: Tensor) -> Tensor:
        """Level indices of vectors [..., channels] in [-1, 1]."""
        return torch.minimum(((z + 1) / 2 * self.levels).floor().clamp_min(0), self.levels - 1.0)

    def codes(self, z: Tensor) -> Tensor:
        return (self.digits(z).long() * self.place_values).sum(dim=-1)

    def forward(self, z: Tensor) -> Tensor:
        """The rounded vectors; the gradient passes through as if nothing had been rounded."""
        rounded = self.digits(z) * 2 / (self.levels - 1) - 1
        return z + (rounded - z).detach()


class Autoencoder(nn.Module):
    def __init__(self, config: AutoencoderConfig = AutoencoderConfig()) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantize = Quantizer(config)
        self.post_quant_conv = nn.Conv2d(len(config.levels), config.latent_channels, 1)
        self.decoder = Decoder(config)

    def encode(self, pixels: Tensor) -> Tensor:
        """Codes [N, H/16, W/16] of pixels [N, 3, H, W] in [-1, 1]."""
        return self.quantize.codes(self.encoder(pixels).permute(0, 2, 3, 1))

    def decode(self, codes: Tensor) -> Tensor:
        """Pixels [N, 3, H, W] of codes [N, H/16, W/16]; may leave [-1, 1] a little."""
        return self.decoder(self.post_quant_conv(self.quantize.embedding(codes).permute(0, 3, 1, 2)))

    def forward(self, pixels: Tensor) -> Tensor:
        """The reconstruction [N, 3, H, W] of pixels [N, 3, H, W]."""
        z = self.quantize(self.encoder(pixels).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.decoder(self.post_quant_conv(z))
