"""The table with two blocks and a pad, as docs/actions.md specifies it. src/SjdOnnx/Actions/BlockTable.cs is the same in C#.

All values are float64, and every operation is exact or correctly rounded (sums, products, quotients, roots), so both programs agree in
every bit. Arrays have a row for each of N tables.
"""

from __future__ import annotations

import dataclasses

import numpy as np

SIDE = 32  # pixels
COLORS = ("red", "green", "blue")
RGB = np.array([[205, 50, 45], [50, 155, 70], [55, 85, 200]], np.float64)
TABLE, PAD, RIM, OPEN, CLOSED = (
    np.array(color, np.float64) for color in ((236, 232, 224), (250, 214, 120), (150, 110, 40), (35, 35, 40), (200, 60, 200)))
MAX_MOVE, MAX_LIFT = 0.12, 0.5  # of one action
REACH = 0.06  # the gripper takes a block whose center is this near
LOW = 0.25  # and only from this height on
GOAL = 0.07  # the distance of the block from the pad's center at which the task is done


@dataclasses.dataclass
class Tables:
    """Positions are in [0, 1]; x points right, y down, z up."""

    gripper: np.ndarray  # [N, 3]
    closed: np.ndarray  # bool [N]
    held: np.ndarray  # int [N]: the index of the block in the gripper, or -1
    blocks: np.ndarray  # [N, 2, 2]: x and y of each block
    colors: np.ndarray  # int [N, 2]
    pad: np.ndarray  # [N, 2]
    wanted: np.ndarray  # int [N]: the index of the block that the instruction names

    @classmethod
    def random(cls, count: int, random: np.random.Generator) -> Tables:
        """Blocks and pad are at least 0.25 apart."""
        places = np.empty((count, 3, 2))
        for i in range(count):
            while True:
                places[i] = random.uniform(0.12, 0.88, (3, 2))
                gaps = places[i][[0, 0, 1]] - places[i][[1, 2, 2]]
                if (np.square(gaps).sum(axis=1) >= 0.25**2).all():
                    break
        gripper = np.concatenate([random.uniform(0.1, 0.9, (count, 2)), np.ones((count, 1))], axis=1)
        colors = np.argsort(random.random((count, len(COLORS))), axis=1)[:, :2]
        return cls(
            gripper, np.zeros(count, bool), np.full(count, -1), places[:, :2].copy(), colors, places[:, 2].copy(),
            random.integers(0, 2, count))

    def __len__(self) -> int:
        return len(self.wanted)

    def copy(self) -> Tables:
        return Tables(**{field.name: getattr(self, field.name).copy() for field in dataclasses.fields(self)})

    def take(self, rows: np.ndarray) -> Tables:
        return Tables(**{field.name: getattr(self, field.name)[rows] for field in dataclasses.fields(self)})

    def instructions(self) -> list[str]:
        return [f"put the {COLORS[colors[wanted]]} block on the pad" for colors, wanted in zip(self.colors, self.wanted)]

    def step(self, actions: np.ndarray, where: np.ndarray | None = None) -> None:
        """Executes actions [N, 4]: moves along x, y and z, and the gripper's command, which closes it if it is positive.

        Tables where `where` is false stay as they are.
        """
        rows = np.arange(len(self))
        limits = np.array([MAX_MOVE, MAX_MOVE, MAX_LIFT])
        moved = np.clip(self.gripper + np.clip(actions[:, :3], -limits, limits), 0.0, 1.0)
        closed = actions[:, 3] > 0
        distances = distance(self.blocks, moved[:, None, :2])  # [N, 2]
        nearest = np.where(distances[:, 1] < distances[:, 0], 1, 0)
        takes = closed & ~self.closed & (moved[:, 2] <= LOW) & (distances[rows, nearest] <= REACH)
        held = np.where(closed, np.where(takes, nearest, self.held), -1)
        blocks = self.blocks.copy()
        carried = np.where(held >= 0, held, self.held)  # a block that is let go falls where the gripper is now
        carries = carried >= 0
        blocks[rows[carries], carried[carries]] = moved[carries, :2]
        change = np.ones(len(self), bool) if where is None else where
        self.gripper = np.where(change[:, None], moved, self.gripper)
        self.closed, self.held = np.where(change, closed, self.closed), np.where(change, held, self.held)
        self.blocks = np.where(change[:, None, None], blocks, self.blocks)

    def done(self) -> np.ndarray:
        """Whether the wanted block lies on the pad, bool [N]."""
        rows = np.arange(len(self))
        return (self.held != self.wanted) & (distance(self.blocks[rows, self.wanted], self.pad) <= GOAL)

    def pictures(self) -> np.ndarray:
        """The tables from above, uint8 [N, SIDE, SIDE, 3]."""
        centers = (np.arange(SIDE) + 0.5) / SIDE
        canvas = np.broadcast_to(TABLE, (len(self), SIDE, SIDE, 3))

        def paint(canvas: np.ndarray, inside: np.ndarray, color: np.ndarray) -> np.ndarray:
            """Blends a color in where `inside`, the distance to the edge [N, SIDE, SIDE], is positive."""
            cover = np.clip(inside * SIDE + 0.5, 0.0, 1.0)[..., None]
            return canvas + (color - canvas) * cover

        def offsets(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return np.broadcast_arrays(centers[None, None, :] - at[:, 0, None, None], centers[None, :, None] - at[:, 1, None, None])

        def radius(at: np.ndarray) -> np.ndarray:
            x, y = offsets(at)
            return np.sqrt(x * x + y * y)

        canvas = paint(canvas, 0.11 - radius(self.pad), PAD)
        canvas = paint(canvas, 0.015 - np.abs(radius(self.pad) - 0.11), RIM)
        for block in range(2):
            x, y = offsets(self.blocks[:, block])
            canvas = paint(canvas, 0.07 - np.maximum(np.abs(x), np.abs(y)), RGB[self.colors[:, block]][:, None, None])
        far = radius(self.gripper)
        ring = 0.045 + 0.035 * self.gripper[:, 2, None, None]
        color = np.where(self.closed[:, None], CLOSED, OPEN)[:, None, None]
        canvas = paint(canvas, 0.015 - np.abs(far - ring), color)
        return np.floor(canvas + 0.5).astype(np.uint8)


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    x, y = a[..., 0] - b[..., 0], a[..., 1] - b[..., 1]
    return np.sqrt(x * x + y * y)
