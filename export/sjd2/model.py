"""A checkpoint's transformer in PyTorch, whatever its family, and the same as it learns to read noisy embeddings of image codes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from noise import Levels, Normalisation, Schedule, noisy
from sjdexport import tensors
from sjdexport.checkpoint import Checkpoint
from sjdexport.errors import ExportError
from sjdexport.transformer import HeadNorm, Layer, Linear, Source

NO_TARGET = -100


@dataclasses.dataclass(frozen=True)
class Place:
    """Where values are: rows of a parameter (or buffer) of a module, or all of it. What a module is moved to does not matter."""

    module: nn.Module
    name: str
    rows: slice | Tensor | None

    def values(self) -> Tensor:
        whole = getattr(self.module, self.name)
        return whole if self.rows is None else whole[self.rows]


class SourceTransformer(nn.Module):
    """The transformer that the exporter's `source` describes, over whole sequences, in float32 or what autocast makes of it.

    Parameters are float32 and named as the exporter names tensors: one that the checkpoint stores has its own name, and one made of its rows (the head's
    rows of image codes) a name that ends in them. Where several are rows of one tensor, as in a head tied to the embedding, that is the parameter. What the
    checkpoint does not store, but the exporter computes, is no parameter and stays as it is: Janus' embedding of codes.

    Raises ExportError for a model that reads vectors of a text encoder, and where a weight is not a finite number.
    """

    def __init__(self, source: Source, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.shape = shape = source.shape
        if shape.encoded_text:
            raise ExportError("this model reads vectors of a text encoder beside ids, which a file of ids does not hold: it cannot be fine-tuned here.")
        self._embedding, self._final_norm, self._head = source.embedding, source.final_norm, source.head
        self._layers = [source.layer(index) for index in range(shape.layers)]
        head = [part for linear in source.head for part in (*linear.matrices, *linear.biases)]
        used = [*source.embedding, *(part for layer in self._layers for part in _tensors(layer)), source.final_norm, *head]
        self._places: dict[str, Place] = {}  # by name
        self._trained: dict[str, tuple[Place, range | np.ndarray | None]] = {}  # by name of the checkpoint's tensor: its values, or those of these rows
        for parts in _by_origin(used):
            self._hold(parts, checkpoint)
        for name, table in zip(("_cos", "_sin"), shape.rotary.tables(shape.max_positions)):
            self.register_buffer(name, torch.from_numpy(table.astype(np.float32)), persistent=False)

    @property
    def vocabulary(self) -> int:
        """Ids that it embeds."""
        return sum(table.shape[0] for table in self._embedding)

    def embed(self, ids: Tensor) -> Tensor:
        """[N, T, hidden] of ids [N, T]."""
        first, *others = self._embedding
        rows, start = F.embedding(ids.clamp(max=first.shape[0] - 1) if others else ids, self._values(first)), first.shape[0]
        for table in others:
            own = ids - start
            rows = torch.where((own >= 0)[..., None], F.embedding(own.clamp(0, table.shape[0] - 1), self._values(table)), rows)
            start += table.shape[0]
        return rows

    def predict(self, x: Tensor) -> Tensor:
        """Logits [N, T, codes] after each of embeddings [N, T, hidden], which need not be any token's. T is at most shape.max_positions."""
        length = x.shape[1]
        tables = self._cos[:length, None], self._sin[:length, None]
        mask = torch.full((length, length), float("-inf"), device=x.device).triu(1)
        for layer in self._layers:
            if self.shape.norm_after:
                x = x + self._norm(layer.attention_norm, self._attention(layer, x, tables, mask))
                x = x + self._norm(layer.mlp_norm, self._mlp(layer, x))
            else:
                x = x + self._attention(layer, self._norm(layer.attention_norm, x), tables, mask)
                x = x + self._mlp(layer, self._norm(layer.mlp_norm, x))
        x = self._norm(self._final_norm, x)
        *hidden, last = self._head
        for linear in hidden:
            x = F.gelu(torch.cat(self._linear(linear, x), dim=-1))
        return torch.cat(self._linear(last, x), dim=-1) if len(last.matrices) > 1 else self._linear(last, x)[0]

    def matrices(self) -> list[nn.Parameter]:
        """Those between embedding and head."""
        matrices = [part for layer in self._layers for part in (*layer.qkv.matrices, layer.output, layer.gate, layer.up, layer.down)]
        places = [self._places[matrix.name] for matrix in matrices]
        return [parameter for place in places if isinstance(parameter := getattr(place.module, place.name), nn.Parameter)]

    def stored(self, tensor: tensors.Tensor) -> tensors.Tensor:
        """The checkpoint's tensor with what it was trained to; itself where it was not. Its values raise ExportError where they are past what its type holds."""
        if tensor.name not in self._trained:
            return tensor
        place, index = self._trained[tensor.name]

        def values() -> np.ndarray:
            trained = tensors.from_float32(getattr(place.module, place.name).detach().cpu().numpy(), tensor.dtype)
            if not np.isfinite(tensors.to_float32(trained, tensor.dtype)).all():
                raise ExportError(f"{tensor.name} was trained to values that {tensor.dtype} does not hold: train at a lower rate.")
            if index is None:
                return trained
            raw = np.array(tensor.raw())
            raw[_slice(index)] = trained
            return raw

        return tensors.Computed(tensor.name, tensor.shape, values, tensor.dtype)

    def _hold(self, parts: list[tensors.Tensor], checkpoint: Checkpoint) -> None:
        """Makes a parameter, or a buffer, of one tensor's parts."""
        origin, index = parts[0].origin()
        is_stored = origin.name in checkpoint and checkpoint[origin.name] is origin
        if len({part.name for part in parts}) == 1 and (index is None or len(np.unique(index)) == len(index)):
            held, rows = parts[0], {parts[0].name: None}
        else:
            held, index = origin, None
            rows = {part.name: None if part is origin else _slice(part.origin()[1]) for part in parts}
        *path, leaf = held.name.split(".")
        module: nn.Module = self
        for name in path:
            if name not in module._modules:
                module.add_module(name, nn.Module())
            module = module.get_submodule(name)
        values = _load(held)
        if is_stored:
            module.register_parameter(leaf, nn.Parameter(values))
            self._trained[origin.name] = Place(module, leaf, None), index
        else:
            module.register_buffer(leaf, values, persistent=False)
        for name, each in rows.items():
            self._places[name] = Place(module, leaf, torch.from_numpy(each) if isinstance(each, np.ndarray) else each)

    def _values(self, tensor: tensors.Tensor) -> Tensor:
        return self._places[tensor.name].values()

    def _linear(self, linear: Linear, x: Tensor) -> list[Tensor]:
        """The product with each matrix."""
        biases = [self._values(bias) for bias in linear.biases]
        return [F.linear(x, self._values(matrix), bias) for matrix, bias in itertools.zip_longest(linear.matrices, biases)]

    def _norm(self, weight: tensors.Tensor, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.shape.norm_epsilon) * self._values(weight)

    def _attention(self, layer: Layer, x: Tensor, tables: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        shape, (n, length, _) = self.shape, x.shape
        projected = self._linear(layer.qkv, x)
        if len(projected) == 1:
            projected = projected[0].split([heads * shape.head_dim for heads in (shape.heads, shape.kv_heads, shape.kv_heads)], dim=-1)
        q, k, v = (part.reshape(n, length, -1, shape.head_dim) for part in projected)
        if layer.head_norm is not None:
            q, k = (self._head_norm(layer.head_norm, part, h) for part, h in enumerate((q, k)))
        q, k = (rotate(h, *tables, interleaved=shape.rotary.interleaved).to(v.dtype) for h in (q, k))
        scale = shape.head_dim**-0.5 if shape.attention_scale is None else shape.attention_scale
        q, k, v = (h.transpose(1, 2) for h in (q * scale, k, v))
        if shape.heads != shape.kv_heads:
            k, v = (h.repeat_interleave(shape.heads // shape.kv_heads, dim=1) for h in (k, v))
        weights = torch.softmax(q @ k.transpose(2, 3) + mask.to(q.dtype), dim=-1)
        return F.linear((weights @ v).transpose(1, 2).reshape(n, length, -1), self._values(layer.output))

    def _head_norm(self, norm: HeadNorm, part: int, x: Tensor) -> Tensor:
        """Of queries (part 0) or keys (part 1) [N, T, heads, head dim]."""
        gamma, beta = (self._values(parts[part]) for parts in (norm.gamma, norm.beta))
        gamma, beta = (h.repeat_interleave(x.shape[2] // len(h), dim=0) if h.dim() == 2 and len(h) != x.shape[2] else h for h in (gamma, beta))
        # in float32: PyTorch's bfloat16 kernel takes twice as long for rows this short
        return F.layer_norm(x.float(), x.shape[-1:], eps=norm.epsilon) * gamma + beta

    def _mlp(self, layer: Layer, x: Tensor) -> Tensor:
        gate, up = (F.linear(x, self._values(matrix)) for matrix in (layer.gate, layer.up))
        return F.linear(gate * torch.sigmoid(gate) * up, self._values(layer.down))  # on CPUs five times faster than F.silu in bfloat16


class Denoiser(nn.Module):
    """The transformer, what it is told of levels, and how embeddings are normalised (those of the checkpoint, for good).

    Image codes are the ids from `first_code` on, as many as the transformer has logits. Raises ExportError where codes do not differ in a channel.
    """

    def __init__(self, transformer: SourceTransformer, first_code: int, schedule: Schedule, tells_levels: bool) -> None:
        super().__init__()
        self.transformer, self.schedule = transformer, schedule
        self.levels = Levels(transformer.shape.hidden) if tells_levels else None
        with torch.no_grad():
            normalisation = Normalisation.of(transformer.embed(torch.arange(first_code, first_code + transformer.shape.codes)))
        if not (normalisation.std > 0).all():
            raise ExportError(f"the embeddings of all image codes are the same in channel {int(normalisation.std.argmin())}: they cannot be normalised.")
        self.register_buffer("mean", normalisation.mean)
        self.register_buffer("std", normalisation.std)

    def read(self, ids: Tensor, level: Tensor) -> Tensor:
        """Embeddings [N, T, hidden] of ids, those at a level [N, T] above 0 noised."""
        return noisy(self.transformer.embed(ids).float(), level, self.schedule, Normalisation(self.mean, self.std), self.levels)

    def losses(self, ids: Tensor, targets: Tensor, level: Tensor) -> Tensor:
        """Nats [N, T] of each target; 0 where there is none."""
        with torch.autocast(ids.device.type, torch.bfloat16):
            logits = self.transformer.predict(self.read(ids, level))
        return F.cross_entropy(logits.float().transpose(1, 2), targets, ignore_index=NO_TARGET, reduction="none")


def rotate(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool) -> Tensor:
    """Rotary embedding of x [N, T, heads, head dim], by tables [T, 1, head dim / 2]."""
    if interleaved:
        first, second = x[..., 0::2], x[..., 1::2]
        return torch.stack([first * cos - second * sin, second * cos + first * sin], dim=-1).flatten(3)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _tensors(layer: Layer) -> Iterator[tensors.Tensor]:
    yield layer.attention_norm
    yield from layer.qkv.matrices
    yield from layer.qkv.biases
    if layer.head_norm is not None:
        yield from (*layer.head_norm.gamma, *layer.head_norm.beta)
    yield from (layer.output, layer.mlp_norm, layer.gate, layer.up, layer.down)


def _by_origin(used: list[tensors.Tensor]) -> list[list[tensors.Tensor]]:
    groups: dict[str, list[tensors.Tensor]] = {}
    for tensor in used:
        groups.setdefault(tensor.origin()[0].name, []).append(tensor)
    return list(groups.values())


def _slice(index: range | np.ndarray) -> slice | np.ndarray:
    return slice(index.start, index.stop) if isinstance(index, range) else index


def _load(tensor: tensors.Tensor) -> Tensor:
    """float32, with no more in memory than that and a block of rows."""
    values, start = torch.empty(tensor.shape), 0  # by PyTorch, which aligns it
    for block in tensor.row_blocks():
        values.numpy()[start : start + len(block)] = block
        start += len(block)
    return values
