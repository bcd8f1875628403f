"""LoRA adapters of Hugging Face's PEFT library, merged into the checkpoint that they belong to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .checkpoint import Checkpoint
from .errors import ExportError
from .families.fields import flag, number, part, whole
from .tensors import Computed, Tensor

CONFIG = "adapter_config.json"
PREFIX = "base_model.model."
ROWS = ".token_adapter.trainable_tokens_delta"
# Where PEFT keeps a module's whole weight, the first one that there is: a trained copy, or the one that rows are trained of.
WHOLE = (".modules_to_save", ".token_adapter.base_layer", ".base_layer", ".original_module", "")
# Settings of adapter_config.json that would change the merged weights in other ways, and the values that do not.
PLAIN = {
    "peft_type": ("LORA",), "use_dora": (None, False), "bias": (None, "none"), "rank_pattern": (None, {}), "alpha_pattern": (None, {}),
    "layers_to_transform": (None,), "layer_replication": (None,), "lora_bias": (None, False), "target_parameters": (None, []),
}


class Merged:
    """The tensors of a base checkpoint with an adapter's changes, under the base's names. Without an adapter, those of the base.

    A weight W with the factors A [r, inputs] and B [outputs, r] becomes W + alpha / r B A, or W + alpha / r (B A)^T if W is stored as
    [inputs, outputs] (fan_in_fan_out). Trained rows of an embedding replace rows, or follow them.
    """

    def __init__(self, base: Checkpoint, adapter: Checkpoint | None = None, config: Mapping[str, Any] | None = None) -> None:
        self.folder = base.folder
        self._base = base
        self._factors: dict[str, tuple[Tensor, Tensor]] = {}
        self._whole: dict[str, Tensor] = {}
        self._marks: dict[str, str] = {}  # which of WHOLE each of them had
        self._rows: dict[str, Tensor] = {}
        if adapter is not None:
            where = adapter.folder / CONFIG
            _check_plain(where, config or {})
            self._indices = _indices(where, (config or {}).get("trainable_token_indices"))
            self._transposed = flag(where, "fan_in_fan_out", (config or {}).get("fan_in_fan_out"))
            rank = whole(where, "r", (config or {}).get("r"))
            alpha = number(where, "lora_alpha", (config or {}).get("lora_alpha"))
            self._rank = rank
            self._scale = alpha / (math.sqrt(rank) if flag(where, "use_rslora", (config or {}).get("use_rslora")) else rank)
            self._sort(adapter)

    def names(self) -> list[str]:
        return [*dict.fromkeys([*self._base.names(), *self._whole, *self._rows])]

    def __contains__(self, name: str) -> bool:
        return name in self._base or name in self._whole

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of the stored tensor of that name, or None if there is none."""
        return self._whole[name].shape if name in self._whole else self._base.shape(name)

    def tensor(self, name: str, *shape: int | None) -> Tensor:
        """The merged tensor; None in the shape stands for any size. Raises ExportError as `Checkpoint.tensor` does."""
        if name in self._rows:
            return self._with_rows(name, shape)
        if name in self._whole:
            tensor = self._whole[name]
            if len(tensor.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, tensor.shape)):
                raise ExportError(f"{name} of the adapter has the shape {list(tensor.shape)}; expected {_shown(shape)}.")
        else:
            tensor = self._base.tensor(name, *shape)
        if name not in self._factors:
            return tensor
        first, second = self._factors[name]
        inputs, outputs = tensor.shape if self._transposed else tensor.shape[::-1]
        for factor, expected in ((first, (self._rank, inputs)), (second, (outputs, self._rank))):
            if factor.shape != expected:
                raise ExportError(
                    f"{factor.name} has the shape {list(factor.shape)}; expected {list(expected)}: the adapter belongs to another base "
                    "model, or adapter_config.json is another one's.")
        return Computed(f"{name}.merged", tensor.shape, lambda: self._merge(tensor, first, second))

    def _merge(self, tensor: Tensor, first: Tensor, second: Tensor) -> np.ndarray:
        product = second.float32() @ first.float32()
        return tensor.float32() + np.float32(self._scale) * (product.T if self._transposed else product)

    def _with_rows(self, name: str, shape: Sequence[int | None]) -> Tensor:
        """A table with trained rows. Rows past the stored ones must all be trained."""
        delta, indices = self._rows[name], self._indices_of(name)
        stored = self._whole[name] if name in self._whole else self._base.tensor(name, None, shape[1])
        if delta.shape != (len(indices), stored.shape[1]):
            raise ExportError(
                f"{delta.name} has the shape {list(delta.shape)}; expected {[len(indices), stored.shape[1]]}, a row for each of the "
                "trainable_token_indices.")
        count = stored.shape[0] if shape[0] is None else shape[0]
        if missing := sorted({*range(stored.shape[0], count)} - {*indices}):
            raise ExportError(
                f"{name} has {stored.shape[0]} rows and no trained row {missing[0]}; config.json has a vocabulary of {count}: the adapter "
                "belongs to another base model.")
        if outside := [index for index in indices if index >= count]:
            raise ExportError(f"the adapter trains row {outside[0]} of {name}, which has {count} rows: config.json is another model's.")

        def values() -> np.ndarray:
            table = np.zeros((count, stored.shape[1]), np.float32)
            kept = min(count, stored.shape[0])
            table[:kept] = stored.float32()[:kept]
            table[indices] = delta.float32()
            return table

        return Computed(f"{name}.merged", (count, stored.shape[1]), values)

    def _indices_of(self, name: str) -> list[int]:
        module = name.removesuffix(".weight")
        for key, indices in self._indices.items():
            if not key or module == key or module.endswith(f".{key}"):
                return indices
        return next(iter(self._indices.values()), [])  # a tied head has the embedding's rows

    def _sort(self, adapter: Checkpoint) -> None:
        """Files the adapter's tensors by the base's names. Raises ExportError for one that is none of the known kinds."""
        for name in adapter.names():
            if not name.startswith(PREFIX):
                continue  # the base's own weights may be in the same folder
            short = name.removeprefix(PREFIX).replace(".default", "")
            module, mark, end = short.rpartition(".lora_")
            if mark and end in ("A.weight", "B.weight"):
                if end == "A.weight":
                    partner = name.replace(".lora_A", ".lora_B")
                    self._factors[self._name(module)] = (adapter.tensor(name, None, None), adapter.tensor(partner, None, None))
                continue
            if mark or ".lora_" in short:
                raise ExportError(f"the adapter has {name}, which is no LoRA factor of a matrix: it cannot be merged.")
            if short.endswith(ROWS):
                self._rows[self._name(short.removesuffix(ROWS))] = adapter.tensor(name, None, None)
            elif not short.endswith("trainable_tokens_original"):
                self._keep(adapter, name, short)
        targets = [name for name in self._factors if name not in self]
        if targets:
            raise ExportError(f"the adapter changes {min(targets)}, which {self.folder} does not have: give its base model with --base.")

    def _keep(self, adapter: Checkpoint, name: str, short: str) -> None:
        module, _, kind = short.rpartition(".")
        mark = next(mark for mark in WHOLE if module.endswith(mark))
        own = self._name(module.removesuffix(mark), kind)
        if own not in self._marks or WHOLE.index(mark) < WHOLE.index(self._marks[own]):
            self._whole[own], self._marks[own] = adapter.tensor(name, *adapter[name].shape), mark

    def _name(self, module: str, kind: str = "weight") -> str:
        """The base's name of a module's tensor. GPT-2's base model lacks the prefix that the model with a head has."""
        name = f"{module}.{kind}"
        short = name.removeprefix("transformer.")
        return short if name not in self._base and short in self._base else name


def _check_plain(where: Path, config: Mapping[str, Any]) -> None:
    for key, allowed in PLAIN.items():
        if config.get(key) not in allowed:
            raise ExportError(f"{where} has {key} {config.get(key)!r}; expected {allowed[-1]!r}: this adapter cannot be merged.")


def _indices(where: Path, value: object) -> dict[str, list[int]]:
    """The trained rows of each embedding. A list belongs to the input's."""
    found = {"": value} if isinstance(value, list) else part(where, "trainable_token_indices", value)
    for indices in found.values():
        if not isinstance(indices, list) or not all(type(index) is int and index >= 0 for index in indices):
            raise ExportError(f"{where}: trainable_token_indices is {value!r}; expected lists of token ids.")
    return dict(found)


def _shown(shape: Sequence[int | None]) -> str:
    return "[" + ", ".join("any" if n is None else str(n) for n in shape) + "]"
