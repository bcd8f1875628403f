"""Networks that judge pictures while the autoencoder is trained: one recognizes things, one tells drawn pictures from decoded ones."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (32, 64, 128, 192)  # at 1/2, 1/4, 1/8 and 1/16 of the picture's side


class Pyramid(nn.Module):
    """Feature maps of pixels [N, 3, H, W] at 1/2, 1/4, 1/8 ... of the side."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.fold = nn.PixelUnshuffle(2)
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3 if i == 0 else 4, stride=1 if i == 0 else 2, padding=1)
            for i, (inputs, outputs) in enumerate(zip((12, *widths), widths))
        )

    def forward(self, pixels: Tensor) -> list[Tensor]:
        maps, x = [], self.fold(pixels)
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.1)
            maps.append(x)
        return maps


class Recognizer(nn.Module):
    """Classifies each cell of 16 x 16 pixels by the thing it shows. Its features measure how similar two pictures look."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.pyramid = Pyramid(WIDTHS)
        self.context = nn.Conv2d(WIDTHS[-1], WIDTHS[-1], 3, padding=1)
        self.head = nn.Conv2d(WIDTHS[-1], classes, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, classes, H/16, W/16]."""
        return self.head(F.leaky_relu(self.context(self.pyramid(pixels)[-1]), 0.1))

    def distance(self, pixels: Tensor, target: Tensor) -> Tensor:
        """Mean difference of the features. Each channel is scaled by its size in `target`."""
        with torch.no_grad():
            wanted = self.pyramid(target)
        total = pixels.new_zeros((), dtype=torch.float32)
        for features, other in zip(self.pyramid(pixels), wanted):
            scale = other.float().square().mean(dim=(0, 2, 3), keepdim=True).sqrt() + 1e-2
            total = total + ((features.float() - other.float()).abs() / scale).mean()
        return total / len(wanted)


class Discriminator(nn.Module):
    """Tells drawn pictures from decoded ones, patch by patch: logits [N, 1, H/8, W/8]."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS[:3]) -> None:
        super().__init__()
        self.pyramid = Pyramid(widths)
        self.head = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.head(self.pyramid(pixels)[-1])
