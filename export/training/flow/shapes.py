"""Pictures of colored shapes, drawn at random: the training data of the model `shapes`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

CLASSES = ("disk", "ring", "square", "triangle", "star", "heart", "cross", "moon")
SIDE = 32  # pixels
SOFT = 1.0  # pixels over which an edge fades


def draw(classes: Tensor, random: torch.Generator, side: int = SIDE) -> Tensor:
    """One picture for each class number [N]: float32 [N, 3, side, side], from -1 to 1.

    Place, size, turn and both colors are random. Colours are strong for the shape and pale for the background.
    """
    n = len(classes)
    unit = side / SIDE

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, 1, 1, generator=random)

    radius, turn = uniform(8.5, 11.5) * unit, uniform(-0.25, 0.25)
    left, top = (side / 2 + uniform(-3, 3) * unit for _ in range(2))
    strong = _colors(uniform(0, 1), uniform(0.7, 1), uniform(0.6, 0.95))
    pale = _colors(uniform(0, 1), uniform(0.05, 0.25), uniform(0.88, 1))
    centers = torch.arange(side) + 0.5
    dx, dy = centers[None, None, :] - left, centers[None, :, None] - top
    x = (dx * turn.cos() + dy * turn.sin()) / radius
    y = (dy * turn.cos() - dx * turn.sin()) / radius
    outside = torch.empty(n, side, side)  # distance from the shape in radii, negative inside it
    for number, distance in enumerate(DISTANCES):
        chosen = classes == number
        outside[chosen] = distance(x[chosen], y[chosen])
    cover = (0.5 - outside * radius / SOFT).clamp(0, 1)[:, None]
    return (pale + (strong - pale) * cover) * 2 - 1


def _colors(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """RGB [N, 3, 1, 1] from 0 to 1 of colors given as hue, saturation and value [N, 1, 1]."""
    channels = []
    for offset in (5, 3, 1):
        k = (offset + hue * 6) % 6
        channels.append(value * (1 - saturation * torch.minimum(k, 4 - k).clamp(0, 1)))
    return torch.stack(channels, 1)


def _disk(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 0.95


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.72).abs() - 0.25


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - 0.82


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs() * math.cos(math.pi / 6) - y * 0.5, y) - 0.52


def _star(x: Tensor, y: Tensor) -> Tensor:
    return _polygon(x, y, [(1.05 if i % 2 == 0 else 0.45, math.pi * i / 5) for i in range(10)])


def _heart(x: Tensor, y: Tensor) -> Tensor:
    outline = [(16 * math.sin(t) ** 3, -13 * math.cos(t) + 5 * math.cos(2 * t) + 2 * math.cos(3 * t) + math.cos(4 * t))
               for t in (2 * math.pi * i / 40 for i in range(40))]
    return _polygon(x, y, [(math.hypot(a, b + 2) / 16, math.atan2(a, -(b + 2))) for a, b in outline])


def _cross(x: Tensor, y: Tensor) -> Tensor:
    x, y = x.abs(), y.abs()
    return torch.minimum(torch.maximum(x - 0.32, y - 0.95), torch.maximum(y - 0.32, x - 0.95))


def _moon(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(torch.hypot(x, y) - 1, 0.78 - torch.hypot(x - 0.48, y))


def _polygon(x: Tensor, y: Tensor, corners: list[tuple[float, float]]) -> Tensor:
    """The signed distance from a polygon whose corners are given as radius and angle, clockwise from the top."""
    points = [(r * math.sin(a), -r * math.cos(a)) for r, a in corners]
    nearest, inside = torch.full_like(x, math.inf), torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1]):
        ex, ey = bx - ax, by - ay
        along = (((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        nearest = torch.minimum(nearest, torch.hypot(x - ax - along * ex, y - ay - along * ey))
        if ey != 0:
            inside ^= ((y < ay) != (y < by)) & (x < ax + (y - ay) * ex / ey)
    return torch.where(inside, -nearest, nearest)


DISTANCES = (_disk, _ring, _square, _triangle, _star, _heart, _cross, _moon)
