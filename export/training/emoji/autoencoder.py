"""The image tokenizer: 256 x 256 pixels to 16 x 16 codes and back.

Most of the decoder's parameters are at the low resolutions, where they cost little time. The encoder is only needed to make training data;
it folds 4 x 4 pixels into channels first.
"""

from __future__ import annotations

import dataclasses
import math

import torch.nn.functional as F
from torch import Tensor, nn

from ..image_tokenizer import ImageTokenizer, spread


@dataclasses.dataclass(frozen=True)
class AutoencoderConfig:
    levels: tuple[int, ...] = (4, 4, 4, 4, 4, 4)  # of each code channel; a code is one combination of levels
    latent_channels: int = 64  # post_quant_conv widens a code to this
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
    """Pixels [N, 3, H, W] in [-1, 1] to vectors in [-1, 1], [N, code channels, H/16, W/16]."""

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
        return spread(super().forward(pixels))


class Autoencoder(ImageTokenizer):
    def __init__(self, config: AutoencoderConfig | None = None) -> None:
        config = config or AutoencoderConfig()
        super().__init__(
            Encoder(config), config.levels, config.latent_channels, config.widths, config.middle, config.blocks, config.groups)
        self.config = config
