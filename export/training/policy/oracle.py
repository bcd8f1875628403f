"""Demonstrations: an oracle that sees where everything is, with the unsteadiness of a hand."""

from __future__ import annotations

import numpy as np

from .world import LOW, MAX_LIFT, MAX_MOVE, Tables, distance

SLOWEST = 0.1  # the least a demonstrator moves in an action; each chunk has its own speed up to MAX_MOVE
TREMOR = 0.004  # standard deviation of the moves
NEAR = 0.03  # the gripper goes no nearer to a place before it opens or closes
OPEN, CLOSE = -1.0, 1.0


def actions(tables: Tables, speed: np.ndarray, random: np.random.Generator | None = None) -> np.ndarray:
    """The oracle's next actions [N, 4] at speeds [N]; with `random`, by an unsteady hand."""
    rows = np.arange(len(tables))
    holds = tables.held == tables.wanted
    wrong = tables.closed & ~holds  # it holds the other block, or nothing
    target = np.where(holds[:, None], tables.pad, tables.blocks[rows, tables.wanted])
    offset = target - tables.gripper[:, :2]
    far = distance(target, tables.gripper)
    near, low, idle = far <= NEAR, tables.gripper[:, 2] <= LOW, tables.done() | wrong

    move = offset * np.minimum(1.0, speed / np.maximum(far, 1e-9))[:, None]
    acts = near & low
    move = np.where((acts | idle)[:, None], 0.0, move)
    if random is not None:
        move = move + TREMOR * random.standard_normal(move.shape)
    move = np.clip(move, -MAX_MOVE, MAX_MOVE)
    lift = np.where((far > speed) | idle, 1.0, np.where(acts, tables.gripper[:, 2], 0.0)) - tables.gripper[:, 2]
    command = np.where(idle, OPEN, np.where(holds ^ acts, CLOSE, OPEN))
    return np.concatenate([move, np.clip(lift, -MAX_LIFT, MAX_LIFT)[:, None], command[:, None]], axis=1)


def speeds(count: int, random: np.random.Generator) -> np.ndarray:
    return random.uniform(SLOWEST, MAX_MOVE, count)


def demonstrations(count: int, chunk: int, random: np.random.Generator) -> tuple[Tables, np.ndarray]:
    """Tables in the middle of a task, some of them after clumsy actions, with the next `chunk` actions, [N, chunk, 4]."""
    tables = Tables.random(count, random)
    before, clumsy = random.integers(0, 18, count), random.random(count) < 0.3
    speed = speeds(count, random)
    for step in range(before.max(initial=0)):
        if step % chunk == 0:
            speed = speeds(count, random)
        acted = actions(tables, speed, random)
        acted[:, :2] += np.where(clumsy, 0.03, 0.0)[:, None] * random.standard_normal((count, 2))
        slips = clumsy & (random.random(count) < 0.05)
        acted[slips, 3] *= -1
        tables.step(acted, step < before)
    return tables, demonstrate(tables, chunk, random)


def demonstrate(tables: Tables, chunk: int, random: np.random.Generator | None) -> np.ndarray:
    """The next `chunk` actions [N, chunk, 4]: of an unsteady hand, or at full speed without `random`. The tables stay as they are."""
    tables, acted = tables.copy(), []
    speed = np.full(len(tables), MAX_MOVE) if random is None else speeds(len(tables), random)
    for _ in range(chunk):
        acted.append(actions(tables, speed, random))
        tables.step(acted[-1])
    return np.stack(acted, axis=1)
