"""A checkpoint's transformer in PyTorch, of any family, and the model that learns to read noisy embeddings of image codes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sjdexport import tensors
from sjdexport.checkpoint import Checkpoint
from sjdexport.denoising import TOKEN, timestep_encoding
from sjdexport.errors import ExportError
from sjdexport.transformer import HeadNorm, Layer, Linear, Source

from ..vocabulary import NO_TARGET
from .noise import Levels, Normalization, Schedule, noisy


@dataclasses.dataclass(frozen=True)
class Timesteps:
    """Tokens that tell others their noise level."""

    embeddings: Tensor  # [U, hidden]
    of: Tensor  # [N, T], which of them each token sees; -1 for none


class SourceTransformer(nn.Module):
    """The transformer that the exporter's `source` describes, over whole sequences, in float32 or under autocast.

    Parameters are float32 and named as the exporter names tensors. A parameter is a tensor of the checkpoint, or some of its rows, such as
    the head's rows of image codes; its name then ends with the row numbers. Tensors that the exporter computes, such as Janus' embedding of
    codes, are buffers and are not trained.

    Raises ExportError for a model that reads a text encoder's vectors, and for weights that are not finite.
    """

    def __init__(self, source: Source, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.shape = shape = source.shape
        if shape.encoded_text:
            raise ExportError(
                "this model reads a text encoder's vectors, which a file of ids does not contain: it cannot be fine-tuned here.")
        self._embedding, self._final_norm, self._head = source.embedding, source.final_norm, source.head
        self._layers = [source.layer(index) for index in range(shape.layers)]
        head = [part for linear in source.head for part in (*linear.matrices, *linear.biases)]
        used = [*source.embedding, *(part for layer in self._layers for part in _tensors(layer)), source.final_norm, *head]
        self._trained: dict[str, tensors.Tensor] = {}  # by the name of the checkpoint's tensor: itself, or the tensor of its trained rows
        for tensor in used:
            self._hold(tensor, checkpoint)
        for name, table in zip(("_cos", "_sin"), shape.rotary.tables(shape.max_positions)):
            self.register_buffer(name, torch.from_numpy(table.astype(np.float32)), persistent=False)

    @property
    def vocabulary(self) -> int:
        """The number of ids that it embeds."""
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

    def predict(self, x: Tensor, timesteps: Timesteps | None = None) -> Tensor:
        """Logits [N, T, codes] after each of the embeddings [N, T, hidden]. T is at most shape.max_positions.

        A timestep token sees itself alone, and only the tokens of its level see it, as if it were at their positions. So it is the same
        for all of them, and is computed once.
        """
        length, beside = x.shape[1], None
        tables = self._cos[:length, None], self._sin[:length, None]
        mask = torch.full((length, length), float("-inf"), device=x.device).triu(1)
        aside = None if timesteps is None else timesteps.embeddings[None]
        for layer in self._layers:
            if timesteps is not None:
                _, k, v = self._project(layer, aside if self.shape.norm_after else self._norm(layer.attention_norm, aside))
                beside = (k[0], v[0], timesteps.of)
                aside = self._layer(layer, aside, lambda _: self._values_alone(layer, v))
            x = self._layer(layer, x, lambda h: self._attention(layer, h, tables, mask, beside))
        x = self._norm(self._final_norm, x)
        *hidden, last = self._head
        for linear in hidden:
            x = F.gelu(torch.cat(self._linear(linear, x), dim=-1))
        return torch.cat(self._linear(last, x), dim=-1) if len(last.matrices) > 1 else self._linear(last, x)[0]

    def matrices(self) -> list[nn.Parameter]:
        """The trained matrices between embedding and head."""
        matrices = [part for layer in self._layers for part in (*layer.qkv, layer.output, layer.gate, layer.up, layer.down)]
        values = [self._values(matrix) for matrix in matrices]
        return [each for each in values if isinstance(each, nn.Parameter)]

    def stored(self, tensor: tensors.Tensor) -> tensors.Tensor:
        """The checkpoint's tensor with its trained values, or the tensor itself if it was not trained.

        Reading values raises ExportError if they do not fit its type.
        """
        if tensor.name not in self._trained:
            return tensor
        part = self._trained[tensor.name]
        _, index = part.origin()

        def values() -> np.ndarray:
            trained = tensors.from_float32(self._values(part).detach().cpu().numpy(), tensor.dtype)
            if not np.isfinite(tensors.to_float32(trained, tensor.dtype)).all():
                raise ExportError(f"{tensor.name} was trained to values outside the range of {tensor.dtype}: train with a lower --rate.")
            if index is None:
                return trained
            raw = np.array(tensor.raw())
            raw[slice(index.start, index.stop) if isinstance(index, range) else index] = trained
            return raw

        return tensors.Computed(tensor.name, tensor.shape, values, tensor.dtype)

    def _hold(self, tensor: tensors.Tensor, checkpoint: Checkpoint) -> None:
        """Makes a parameter of a tensor that the checkpoint stores, or a buffer of a computed one."""
        *path, leaf = tensor.name.split(".")
        module: nn.Module = self
        for name in path:
            if name not in module._modules:
                module.add_module(name, nn.Module())
            module = module.get_submodule(name)
        origin, _ = tensor.origin()
        if origin.name in checkpoint and checkpoint[origin.name] is origin:
            module.register_parameter(leaf, nn.Parameter(_load(tensor)))
            self._trained[origin.name] = tensor
        else:
            module.register_buffer(leaf, _load(tensor), persistent=False)

    def _values(self, tensor: tensors.Tensor) -> Tensor:
        path, _, leaf = tensor.name.rpartition(".")
        return getattr(self.get_submodule(path), leaf)

    def _linear(self, linear: Linear, x: Tensor) -> list[Tensor]:
        """The products with each of the matrices."""
        biases = [self._values(bias) for bias in linear.biases]
        return [F.linear(x, self._values(matrix), bias) for matrix, bias in itertools.zip_longest(linear.matrices, biases)]

    def _norm(self, weight: tensors.Tensor, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.shape.norm_epsilon) * self._values(weight)

    def _layer(self, layer: Layer, x: Tensor, attend: Callable[[Tensor], Tensor]) -> Tensor:
        if self.shape.norm_after:
            x = x + self._norm(layer.attention_norm, attend(x))
            return x + self._norm(layer.mlp_norm, self._mlp(layer, x))
        x = x + attend(self._norm(layer.attention_norm, x))
        return x + self._mlp(layer, self._norm(layer.mlp_norm, x))

    def _project(self, layer: Layer, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values [N, T, heads, head dim], before the rotation. Keys and values are repeated for each query head."""
        shape, (n, length, _) = self.shape, x.shape
        projected = [F.linear(x, self._values(matrix)) for matrix in layer.qkv]
        if len(projected) == 1:
            projected = projected[0].split([heads * shape.head_dim for heads in (shape.heads, shape.kv_heads, shape.kv_heads)], dim=-1)
        q, k, v = (part.reshape(n, length, -1, shape.head_dim) for part in projected)
        if layer.head_norm is not None:
            q, k = (self._head_norm(layer.head_norm, part, h) for part, h in enumerate((q, k)))
        if shape.heads != shape.kv_heads:
            k, v = (h.repeat_interleave(shape.heads // shape.kv_heads, dim=2) for h in (k, v))
        scale = shape.head_dim**-0.5 if shape.attention_scale is None else shape.attention_scale
        return q * scale, k, v

    def _attention(
        self, layer: Layer, x: Tensor, tables: tuple[Tensor, Tensor], mask: Tensor,
        beside: tuple[Tensor, Tensor, Tensor] | None) -> Tensor:
        """`beside` has the keys and values [U, heads, head dim] of timestep tokens, and which of them each token sees [N, T]."""
        (q, k, v), alone = self._project(layer, x), None
        if beside is not None:  # both are at the same position, so the rotation changes nothing
            keys, values, of = beside
            alone = (q * keys[of.clamp(min=0)]).sum(dim=-1).masked_fill((of < 0)[..., None], float("-inf")).transpose(1, 2)[..., None]
        q, k = (rotate(h, *tables, interleaved=self.shape.rotary.interleaved).to(v.dtype) for h in (q, k))
        q, k, v = (h.transpose(1, 2) for h in (q, k, v))
        scores = q @ k.transpose(2, 3) + mask.to(q.dtype)
        if alone is None:
            attended = (torch.softmax(scores, dim=-1) @ v).transpose(1, 2)
        else:
            weights = torch.softmax(torch.cat([scores, alone.to(scores.dtype)], dim=-1), dim=-1)
            attended = (weights[..., :-1] @ v).transpose(1, 2) + weights[..., -1].transpose(1, 2)[..., None] * values[of.clamp(min=0)]
        return F.linear(attended.flatten(2), self._values(layer.output))

    def _values_alone(self, layer: Layer, v: Tensor) -> Tensor:
        """Attention of tokens that see themselves alone."""
        return F.linear(v.flatten(2), self._values(layer.output))

    def _head_norm(self, norm: HeadNorm, part: int, x: Tensor) -> Tensor:
        """The norm of queries (part 0) or keys (part 1), x [N, T, heads, head dim]."""
        gamma, beta = (self._values(parts[part]) for parts in (norm.gamma, norm.beta))
        gamma, beta = (
            h.repeat_interleave(x.shape[2] // len(h), dim=0) if h.dim() == 2 and len(h) != x.shape[2] else h for h in (gamma, beta))
        # in float32: PyTorch's bfloat16 kernel takes twice as long for rows this short
        return F.layer_norm(x.float(), x.shape[-1:], eps=norm.epsilon) * gamma + beta

    def _mlp(self, layer: Layer, x: Tensor) -> Tensor:
        gate, up = (F.linear(x, self._values(matrix)) for matrix in (layer.gate, layer.up))
        return F.linear(gate * torch.sigmoid(gate) * up, self._values(layer.down))  # on CPUs five times faster than F.silu in bfloat16


class Denoiser(nn.Module):
    """The transformer with a noise schedule. Embeddings are normalized with the mean and deviation that the checkpoint's embeddings had at
    the start.

    Image codes are the ids from `first_code` on, one for each logit. `levels` says how the model learns a noisy embedding's level:
    "added", by a vector that is added to it; "token", by a timestep token that it sees; "untold", not at all. Raises ExportError if all
    codes have the same value in a channel.
    """

    def __init__(self, transformer: SourceTransformer, first_code: int, schedule: Schedule, levels: str) -> None:
        super().__init__()
        self.transformer, self.schedule, self.tells = transformer, schedule, levels
        self.levels = Levels(transformer.shape.hidden) if levels == "added" else None
        with torch.no_grad():
            normalization = Normalization.of(transformer.embed(torch.arange(first_code, first_code + transformer.shape.codes)))
        if not (normalization.std > 0).all():
            raise ExportError(
                f"the embeddings of all image codes are the same in channel {int(normalization.std.argmin())}: they cannot be normalized.")
        self.register_buffer("mean", normalization.mean)
        self.register_buffer("std", normalization.std)

    def read(self, ids: Tensor, level: Tensor) -> Tensor:
        """Embeddings [N, T, hidden] of ids [N, T], with noise where the level [N, T] is above 0."""
        return noisy(self.transformer.embed(ids).float(), level, self.schedule, Normalization(self.mean, self.std), self.levels)

    def timesteps(self, level: Tensor) -> Timesteps | None:
        """The timestep tokens of levels [N, T], in which 0 needs none; None if there are none."""
        if self.tells != TOKEN or not level.any():
            return None
        levels, of = torch.unique(torch.cat([level.new_zeros(1), level.flatten()]), return_inverse=True)  # 0 is the first
        encoding = torch.stack([
            torch.from_numpy(timestep_encoding(float(t), len(self.mean))) for t in self.schedule.sigma(levels)]).to(level.device)
        return Timesteps(Normalization(self.mean, self.std).undo(encoding)[1:], of[1:].view(level.shape) - 1)

    def losses(self, ids: Tensor, targets: Tensor, level: Tensor) -> Tensor:
        """The loss [N, T] of each target in nats; 0 where there is no target."""
        with torch.autocast(ids.device.type, torch.bfloat16):
            logits = self.transformer.predict(self.read(ids, level), self.timesteps(level))
        return F.cross_entropy(logits.float().transpose(1, 2), targets, ignore_index=NO_TARGET, reduction="none")


def rotate(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool) -> Tensor:
    """Rotary embedding of x [N, T, heads, head dim] by tables [T, 1, head dim / 2]."""
    if interleaved:
        first, second = x[..., 0::2], x[..., 1::2]
        return torch.stack([first * cos - second * sin, second * cos + first * sin], dim=-1).flatten(3)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _tensors(layer: Layer) -> Iterator[tensors.Tensor]:
    yield layer.attention_norm
    yield from layer.qkv
    if layer.head_norm is not None:
        yield from (*layer.head_norm.gamma, *layer.head_norm.beta)
    yield from (layer.output, layer.mlp_norm, layer.gate, layer.up, layer.down)


def _load(tensor: tensors.Tensor) -> Tensor:
    """The values as float32. Memory holds them and one block of rows."""
    values, start = torch.empty(tensor.shape), 0  # allocated by PyTorch, which aligns memory
    for block in tensor.row_blocks():
        values.numpy()[start : start + len(block)] = block
        start += len(block)
    return values
