"""The image tokenizer: 128 x 128 pixels to 16 x 16 codes and back.

The decoder has the Chameleon layout (models.md names it `model.vqmodel.decoder`), so the exporter for Chameleon
checkpoints exports it. The encoder is only needed to make training data: strided convolutions with ReLU, which cost a
CPU a third of what residual blocks with GroupNorm do.
"""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class AutoencoderConfig:
    codes: int = 1024
    code_channels: int = 5
    latent_channels: int = 64  # z_channels: what post_quant_conv widens a code to
    channels: int = 32
    channel_multipliers: tuple[int, ...] = (1, 1, 2, 4)  # from full resolution down: 8 x upsampling
    res_blocks: int = 0  # per level, less one (as in the original)
    groups: int = 8  # GroupNorm at full resolution sees 4 channels a group, as in the original; 1 would hide flat colours


class Encoder(nn.Sequential):
    """Pixels [N, 3, H, W] in [-1, 1] to vectors in [-1, 1], [N, code channels, H/8, W/8].

    The last two steps, a normal variable's own distribution function, spread every channel evenly over [-1, 1], so that
    no level of a code goes unused.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, 96, 3, padding=1), nn.ReLU(),
            nn.Conv2d(96, 192, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(192, 192, 3, padding=1), nn.ReLU(),
            nn.Conv2d(192, config.code_channels, 1),
            nn.BatchNorm2d(config.code_channels, affine=False),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.erf(super().forward(pixels).float() / 2**0.5)


class GroupNorm(nn.GroupNorm):
    """GroupNorm from channel moments: PyTorch 1.13's own kernel returns wrong gradients for bfloat16 channels_last."""

    def forward(self, x: Tensor) -> Tensor:
        n, channels = x.shape[:2]
        moments = torch.stack([x.mean(dim=(2, 3), dtype=torch.float32), x.square().mean(dim=(2, 3), dtype=torch.float32)])
        mean, square = moments.view(2, n, self.num_groups, -1).mean(dim=3, keepdim=True)
        scale = torch.rsqrt(square - mean * mean + self.eps)  # [N, groups, 1]
        weight = self.weight.view(self.num_groups, -1) * scale
        bias = self.bias.view(self.num_groups, -1) - mean * weight
        weight, bias = (h.reshape(n, channels, 1, 1).to(x.dtype) for h in (weight, bias))
        return torch.addcmul(bias, x, weight)


def _norm(channels: int, groups: int) -> GroupNorm:
    return GroupNorm(groups, channels, eps=1e-6)


class ResBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _norm(inputs, groups)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = _norm(outputs, groups)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class AttentionBlock(nn.Module):
    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = _norm(channels, groups)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        h = self.norm(x)
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
        widths = [config.channels * m for m in config.channel_multipliers]
        top, groups = widths[-1], config.groups
        self.conv_in = nn.Conv2d(config.latent_channels, top, 3, padding=1)
        self.mid = nn.Module()
        self.mid.block_1 = ResBlock(top, top, groups)
        self.mid.attn_1 = AttentionBlock(top, groups)
        self.mid.block_2 = ResBlock(top, top, groups)
        self.up = nn.ModuleList(
            Level(widths[min(i + 1, len(widths) - 1)], widths[i], config.res_blocks + 1, groups, upsample=i > 0)
            for i in range(len(widths))
        )
        self.norm_out = _norm(widths[0], groups)
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.conv_in(z)
        h = self.mid.block_2(self.mid.attn_1(self.mid.block_1(h)))
        for level in reversed(self.up):
            h = level(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class Quantizer(nn.Module):
    """Finite scalar quantization (Mentzer et al., arXiv 2309.15505): each channel is rounded to one of four levels.

    The codebook is the grid of all level combinations, so it can neither collapse nor hold dead codes; to a reader of
    the checkpoint it is an ordinary lookup table.
    """

    LEVELS = 4

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        assert config.codes == self.LEVELS**config.code_channels
        place_values = self.LEVELS ** torch.arange(config.code_channels)
        digits = torch.arange(config.codes)[:, None] // place_values % self.LEVELS
        self.embedding = nn.Embedding(config.codes, config.code_channels)
        self.embedding.weight.requires_grad_(False)
        self.embedding.weight.data = digits * 2.0 / (self.LEVELS - 1) - 1  # levels spread over [-1, 1]
        self.register_buffer("place_values", place_values, persistent=False)

    def digits(self, z: Tensor) -> Tensor:
        """Level indices of vectors [..., channels] in [-1, 1]."""
        return ((z + 1) / 2 * self.LEVELS).floor().clamp(0, self.LEVELS - 1)

    def codes(self, z: Tensor) -> Tensor:
        return (self.digits(z).long() * self.place_values).sum(dim=-1)

    def forward(self, z: Tensor) -> Tensor:
        """The rounded vectors; the gradient passes through as if nothing had been rounded."""
        rounded = self.digits(z) * 2 / (self.LEVELS - 1) - 1
        return z + (rounded - z).detach()


class Autoencoder(nn.Module):
    def __init__(self, config: AutoencoderConfig = AutoencoderConfig()) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantize = Quantizer(config)
        self.post_quant_conv = nn.Conv2d(config.code_channels, config.latent_channels, 1)
        self.decoder = Decoder(config)

    def encode(self, pixels: Tensor) -> Tensor:
        """Codes [N, H/8, W/8] of pixels [N, 3, H, W] in [-1, 1]."""
        return self.quantize.codes(self.encoder(pixels).permute(0, 2, 3, 1))

    def decode(self, codes: Tensor) -> Tensor:
        """Pixels [N, 3, H, W] of codes [N, H/8, W/8]; may leave [-1, 1] a little."""
        return self.decoder(self.post_quant_conv(self.quantize.embedding(codes).permute(0, 3, 1, 2)))

    def forward(self, pixels: Tensor) -> Tensor:
        """The reconstruction [N, 3, H, W] of pixels [N, 3, H, W]."""
        z = self.quantize(self.encoder(pixels).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.decoder(self.post_quant_conv(z))
