"""The published image decoders in plain PyTorch, written from papers and checkpoints, not from the exporter.

Modules have the names in the checkpoints, so a state_dict is a checkpoint. Emu3's is the complete video decoder.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CODES = 24
WIDTHS = (32, 64, 128)  # from full resolution down

Norm = Callable[[int], nn.Module]  # makes a norm for a number of channels; norms are called with the map and the code vectors


class GroupNorm(nn.GroupNorm):
    def __init__(self, channels: int) -> None:
        super().__init__(32, channels, eps=1e-6)

    def forward(self, x: Tensor, _: Tensor) -> Tensor:
        return super().forward(x)


class SpatialNorm(nn.Module):
    def __init__(self, channels: int, code_channels: int = 4) -> None:
        super().__init__()
        self.norm_layer = nn.GroupNorm(32, channels, eps=1e-6)
        self.conv_y = nn.Conv2d(code_channels, channels, 1)
        self.conv_b = nn.Conv2d(code_channels, channels, 1)

    def forward(self, x: Tensor, zq: Tensor) -> Tensor:
        zq = F.interpolate(zq, size=x.shape[2:], mode="nearest")
        return self.norm_layer(x) * self.conv_y(zq) + self.conv_b(zq)


class ResBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2, self.conv2 = norm(outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, zq: Tensor) -> Tensor:
        h = self.conv1(swish(self.norm1(x, zq)))
        h = self.conv2(swish(self.norm2(h, zq)))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: Tensor, zq: Tensor) -> Tensor:
        h = self.norm(x, zq)
        q, k, v = (conv(h).flatten(2) for conv in (self.q, self.k, self.v))  # [1, C, h w]
        weights = (q.transpose(1, 2) @ k * q.shape[1] ** -0.5).softmax(2)
        return x + self.proj_out((v @ weights.transpose(1, 2)).view_as(x))


class Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class Level(nn.Module):
    def __init__(self, res_blocks: str, inputs: int, outputs: int, norm: Norm, attention: bool, upsample: bool) -> None:
        super().__init__()
        self.add_module(res_blocks, nn.ModuleList(ResBlock(inputs if i == 0 else outputs, outputs, norm) for i in range(2)))
        self.attn = nn.ModuleList(Attention(outputs, norm) for _ in range(2 if attention else 0))
        self.res_blocks = res_blocks
        if upsample:
            self.upsample = Upsample(outputs)

    def forward(self, x: Tensor, zq: Tensor) -> Tensor:
        for i, block in enumerate(getattr(self, self.res_blocks)):
            x = block(x, zq)
            if len(self.attn):
                x = self.attn[i](x, zq)
        return self.upsample(x) if hasattr(self, "upsample") else x


class Decoder(nn.Module):
    """Has attention in the middle and at the lowest level. With `lowest_first`, levels are numbered from the lowest resolution up."""

    def __init__(self, z: int, norm: Norm, levels: str, res_blocks: str, lowest_first: bool, named_middle: bool) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(z, WIDTHS[-1], 3, padding=1)
        middle = [ResBlock(WIDTHS[-1], WIDTHS[-1], norm), Attention(WIDTHS[-1], norm), ResBlock(WIDTHS[-1], WIDTHS[-1], norm)]
        self.mid = nn.ModuleDict(zip(("block_1", "attn_1", "block_2"), middle)) if named_middle else nn.ModuleList(middle)
        built = []
        for number in reversed(range(len(WIDTHS))):
            above = WIDTHS[min(number + 1, len(WIDTHS) - 1)]
            built.append(Level(res_blocks, above, WIDTHS[number], norm, attention=number == len(WIDTHS) - 1, upsample=number > 0))
        self.add_module(levels, nn.ModuleList(built if lowest_first else built[::-1]))
        self.norm_out, self.conv_out = norm(WIDTHS[0]), nn.Conv2d(WIDTHS[0], 3, 3, padding=1)
        self.levels, self.lowest_first = levels, lowest_first

    def forward(self, x: Tensor, zq: Tensor) -> Tensor:
        x = self.conv_in(x)
        for part in self.mid.values() if isinstance(self.mid, nn.ModuleDict) else self.mid:
            x = part(x, zq)
        levels = list(getattr(self, self.levels))
        for level in levels if self.lowest_first else reversed(levels):
            x = level(x, zq)
        return self.conv_out(swish(self.norm_out(x, zq)))


class Model(nn.Module):
    """Codes [h, w] to pixels [3, H, W] in about [-1, 1]."""

    def __init__(self, code_channels: int, post_quant_conv: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.quantize = nn.Module()
        self.quantize.embedding = nn.Embedding(CODES, code_channels)
        self.post_quant_conv, self.decoder = post_quant_conv, decoder

    def forward(self, codes: Tensor) -> Tensor:
        zq = self.vectors(codes).permute(2, 0, 1)[None]
        return self.decoder(self.post_quant_conv(zq), zq)[0]

    def vectors(self, codes: Tensor) -> Tensor:
        return self.quantize.embedding.weight[codes]


class Vqgan(Model):
    def __init__(self) -> None:
        super().__init__(6, nn.Conv2d(6, 8, 1), Decoder(8, GroupNorm, "up", "block", lowest_first=False, named_middle=True))


class LlamaGen(Model):
    """VQ-16 with the names of LlamaGen and DeepSeek's Janus; `LlamaGen.hugging_face()` has those of the port of Janus."""

    def __init__(self, names: tuple = ("conv_blocks", "res", True, False)) -> None:
        super().__init__(8, nn.Conv2d(8, 16, 1), Decoder(16, GroupNorm, *names))

    @classmethod
    def hugging_face(cls) -> LlamaGen:
        return cls(("up", "block", True, True))

    def vectors(self, codes: Tensor) -> Tensor:
        return F.normalize(self.quantize.embedding.weight, dim=1)[codes]


class Movq(Model):
    """The decoder of Lumina-mGPT 2.0."""

    def __init__(self) -> None:
        super().__init__(4, nn.Conv2d(4, 4, 1), Decoder(4, SpatialNorm, "up", "block", lowest_first=False, named_middle=True))


class CausalConv3d(nn.Module):
    """In time, zeros are padded before the first frame and not after the last."""

    def __init__(self, channels: int, kernel: tuple[int, int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, kernel)

    def forward(self, x: Tensor) -> Tensor:
        _, height, width = (size // 2 for size in self.conv.kernel_size)
        return self.conv(F.pad(x, (width, width, height, height, 2, 0)))


class TimeResBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm3d(channels), CausalConv3d(channels, (3, 3, 3))
        self.norm2, self.conv2 = nn.BatchNorm3d(channels), CausalConv3d(channels, (3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(swish(self.norm1(x)))
        return x + self.conv2(swish(self.norm2(h)))


class TimeUpsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = CausalConv3d(channels, (3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=(2, 1, 1), mode="nearest"))


class VideoDecoder(Decoder):
    """Latent and code vectors [1, 4, T, h, w] to frames [4 T, 3, H, W]."""

    def __init__(self) -> None:
        super().__init__(4, SpatialNorm, "up", "block", lowest_first=False, named_middle=True)
        self.time_res_stack = nn.Sequential(TimeResBlock(4), TimeResBlock(4))
        self.time_conv = nn.ModuleList([TimeUpsample(4), TimeUpsample(4)])

    def forward(self, z: Tensor, zq: Tensor) -> Tensor:
        x = self.time_res_stack(torch.cat([z, zq]))
        for conv in self.time_conv:
            x = swish(conv(x))
        frames = x.transpose(1, 2)  # [2, 4 T, 4, h, w]
        return torch.cat([super(VideoDecoder, self).forward(z[None], zq[None]) for z, zq in zip(*frames)])


class Emu3(Model):
    def __init__(self) -> None:
        super().__init__(4, CausalConv3d(4, (3, 1, 1)), VideoDecoder())

    def video(self, codes: Tensor) -> Tensor:
        """Codes [T, h, w] to frames [4 T, 3, H, W]."""
        zq = self.vectors(codes).permute(3, 0, 1, 2)[None]
        return self.decoder(self.post_quant_conv(zq), zq)

    def forward(self, codes: Tensor) -> Tensor:
        return self.video(codes[None])[0]


def swish(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def randomize(model: nn.Module, seed: int) -> None:
    """Sets random values, also for norms, biases and running statistics, because constants would hide a missing or misplaced part."""
    generator = torch.Generator().manual_seed(seed)
    for name, values in model.state_dict().items():
        if not values.is_floating_point():
            continue  # a BatchNorm's counter of batches
        if name.endswith("running_var"):
            values.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith("embedding.weight"):
            values.normal_(0, 1, generator=generator)
        elif values.dim() > 1:
            values.normal_(0, (values.numel() / len(values)) ** -0.5, generator=generator)
        elif name.endswith("weight"):
            values.uniform_(0.5, 1.5, generator=generator)
        else:
            values.normal_(0, 0.2, generator=generator)
