"""Muon for weight matrices and convolutions, AdamW for all other parameters, one rate schedule for both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalized by a Newton-Schulz iteration (Jordan et al., 2024). A convolution counts as a matrix [outputs, all else]."""

    def __init__(self, parameters: list[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                momentum.lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonalize(parameter.grad.lerp(momentum, group["momentum"]).flatten(1))
                rows, columns = update.shape
                parameter.add_(update.view(parameter.shape), alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)


def orthogonalize(matrix: Tensor) -> Tensor:
    """Approximately U V^T of the matrix U S V^T, by five steps of a quintic Newton-Schulz iteration in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.t() if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.t()
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.t() if tall else x).float()


class Optimizers:
    """Muon for `matrices`, AdamW for the other trained parameters of the modules."""

    def __init__(self, modules: Iterable[nn.Module], matrices: list[Tensor], muon_rate: float, adam_rate: float,
                 betas: tuple[float, float] = (0.9, 0.95)) -> None:
        ids = {id(matrix) for matrix in matrices}
        others = [p for module in modules for p in module.parameters() if p.requires_grad and id(p) not in ids]
        self._optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(others, lr=adam_rate, betas=betas, weight_decay=0.0)]
        self._rates = [adam_rate]
        if matrices:
            self._optimizers.append(Muon(matrices, muon_rate))
            self._rates.append(muon_rate)

    def step(self, share: float) -> None:
        """One update at `share` of the full rates. Clears the gradients."""
        for optimizer, rate in zip(self._optimizers, self._rates):
            optimizer.param_groups[0]["lr"] = rate * share
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        return [optimizer.state_dict() for optimizer in self._optimizers]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        for optimizer, state in zip(self._optimizers, states, strict=True):
            optimizer.load_state_dict(state)


def rate_share(step: int, steps: int, warm: int = 100, decay: float = 0.3) -> float:
    """Share of the full rate at a step from 1 to `steps`.

    It rises over `warm` steps and falls linearly over the last `decay` of all steps.
    """
    return min(1.0, step / warm, (steps - step + 1) / max(1.0, steps * decay))
