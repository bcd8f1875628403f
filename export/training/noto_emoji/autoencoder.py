"""The image tokenizer: 128 x 128 pixels to 16 x 16 codes and back.

The encoder is only needed to make training data, so it is cheap: strided convolutions with ReLU take a CPU a third of the time of residual
blocks with GroupNorm.
"""

from __future__ import annotations

from torch import Tensor, nn

from ..image_tokenizer import ImageTokenizer, spread

LEVELS = (4,) * 5  # of the five code channels
DECODER = {  # GroupNorm sees 4 channels a group at full resolution, as in the original decoder; groups of 1 would hide flat colors
    "latent_channels": 64, "widths": (32, 32, 64, 128), "middle": 128, "blocks": (1, 1, 1, 1), "groups": 8,
}


class Encoder(nn.Sequential):
    """Pixels [N, 3, H, W] in [-1, 1] to vectors in [-1, 1], [N, 5, H/8, W/8]."""

    def __init__(self) -> None:
        super().__init__(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, 96, 3, padding=1), nn.ReLU(),
            nn.Conv2d(96, 192, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(192, 192, 3, padding=1), nn.ReLU(),
            nn.Conv2d(192, len(LEVELS), 1),
            nn.BatchNorm2d(len(LEVELS), affine=False),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        return spread(super().forward(pixels))


class Autoencoder(ImageTokenizer):
    def __init__(self) -> None:
        super().__init__(Encoder(), LEVELS, **DECODER)
