"""GroupNorm followed by SiLU, with gradients, made of the operations that PyTorch 1.13 does fast on a CPU in bfloat16.

PyTorch's own GroupNorm returns wrong gradients for bfloat16 channels_last there, and operations that broadcast over channels_last, sums in
float32 and `silu` take five to ten times as long as products of small matrices and operations on equal shapes.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class NormSilu(nn.GroupNorm):
    """`silu(GroupNorm(x))`; with `silu=False` the norm alone."""

    def forward(self, x: Tensor, silu: bool = True) -> Tensor:
        if x.device.type != "cpu" or x.dtype != torch.bfloat16:
            with torch.autocast(x.device.type, enabled=False):  # autocast would make maps of float32
                normed = F.group_norm(x, self.num_groups, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)
                return F.silu(normed) if silu else normed
        return _NormSilu.apply(x.contiguous(memory_format=torch.channels_last), self.weight, self.bias, self.num_groups, self.eps, silu)


class _NormSilu(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, eps: float, silu: bool) -> Tensor:
        n, channels, height, width = x.shape
        rows = _rows(x)
        mean, square = (_of_groups(_mean(values), groups) for values in (rows, rows * rows))
        scale = torch.rsqrt((square - mean * mean).clamp_min(0) + eps)  # [N, C]
        factor = weight * scale
        y = _affine(rows, factor, bias - mean * factor)
        gate = torch.sigmoid(y) if silu else None
        out = y * gate if silu else y
        context.save_for_backward(rows, weight, mean, scale, out, gate)
        context.shape = (n, channels, height, width, groups)
        return _map(out, height, width)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, mean, scale, out, gate = context.saved_tensors
        n, channels, height, width, groups = context.shape
        gradient = _rows(gradient.contiguous(memory_format=torch.channels_last))
        if gate is not None:
            gradient = gradient * (gate + out - out * gate)
        plain = _mean(gradient)  # [N, C]
        along = (_mean(gradient * rows) - mean * plain) * scale  # of the gradient times the normed input
        places = height * width
        g_plain, g_along = (_of_groups(weight * values, groups) for values in (plain, along))
        # scale (weight gradient - g_plain - normed g_along), with normed = (x - mean) scale
        toward = -scale * scale * g_along
        to_input = _affine(gradient, scale * weight, -scale * g_plain - toward * mean) + _affine(rows, toward, None)
        return _map(to_input, height, width), (along.sum(0) * places), (plain.sum(0) * places), None, None, None


def _rows(x: Tensor) -> Tensor:
    """A channels_last map as a view [N, H W, C]."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def _map(rows: Tensor, height: int, width: int) -> Tensor:
    return rows.view(rows.shape[0], height, width, -1).permute(0, 3, 1, 2)


def _mean(rows: Tensor) -> Tensor:
    """Means [N, C] over the places, float32: parts are added in bfloat16 products, which round each part once, then in float32."""
    n, places, channels = rows.shape
    part = min(places, 64) if places % 64 == 0 else 1
    ones = rows.new_ones(n * (places // part), 1, part)
    return torch.bmm(ones, rows.reshape(-1, part, channels)).view(n, -1, channels).float().mean(dim=1) / part


def _of_groups(values: Tensor, groups: int) -> Tensor:
    """For each of [N, C] channels the mean of its group."""
    channels = values.shape[1]
    return values.view(-1, groups, channels // groups).mean(dim=2).repeat_interleave(channels // groups, dim=1)


def _affine(rows: Tensor, factor: Tensor, term: Tensor | None) -> Tensor:
    """rows factor + term, [N, C] each."""
    matrices = torch.diag_embed(factor).to(rows.dtype)
    return torch.bmm(rows, matrices) if term is None else torch.baddbmm(term.to(rows.dtype)[:, None], rows, matrices)
