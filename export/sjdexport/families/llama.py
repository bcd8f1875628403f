"""LLaMA's blocks (arXiv 2302.13971), which all families consist of, and their names in checkpoints."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..numbering import count
from ..tensors import Tensor
from ..text_encoder import T5Encoder
from ..transformer import HeadNorm, Layer, Shape
from .fields import number, part, whole

TABLES = ("rope.freqs", "rotary_emb.inv_freq")  # the exporter computes these
HEAD_NORM_EPSILON = 1e-5  # fixed in Chameleon's code, independent of rms_norm_eps


@dataclasses.dataclass(frozen=True)
class Names:
    """Names of tensors without .weight. Those from `attention_norm` on follow `layers` and the layer's number."""

    embedding: str
    final_norm: str
    head: str
    layers: str
    attention_norm: str
    qkv: tuple[str, ...]
    head_norms: tuple[str, str]  # of queries and keys, if there are any
    output: str
    mlp_norm: str
    gate: str
    up: str
    down: str


def hugging_face(prefix: str = "model.", head: str = "lm_head") -> Names:
    return Names(
        f"{prefix}embed_tokens", f"{prefix}norm", head, f"{prefix}layers.", "input_layernorm",
        ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), ("self_attn.q_norm", "self_attn.k_norm"), "self_attn.o_proj",
        "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
    )


META = Names(
    "tok_embeddings", "norm", "output", "layers.", "attention_norm",
    ("attention.wq", "attention.wk", "attention.wv"), ("attention.q_normalization", "attention.k_normalization"), "attention.wo",
    "ffn_norm", "feed_forward.w1", "feed_forward.w3", "feed_forward.w2",
)


@dataclasses.dataclass(frozen=True)
class Sizes:
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    vocabulary: int
    max_positions: int
    epsilon: float
    theta: float


# Their names in config.json.
KEYS = {
    "layers": "num_hidden_layers", "hidden": "hidden_size", "heads": "num_attention_heads", "inner": "intermediate_size",
    "vocabulary": "vocab_size", "max_positions": "max_position_embeddings",
}


def read_sizes(config: Mapping[str, Any], path: Path, defaults: Mapping[str, float] | None = None) -> Sizes:
    """The sizes in a config.json or a part of it. Raises ExportError if one is unusable, or missing there and in `defaults`."""
    defaults = defaults or {}
    if not config:
        raise ExportError(f"{path}, with the sizes of the model, is missing or empty: give the folder that contains it as --checkpoint.")
    _check_supported(config, path)

    def given(key: str, name: str, otherwise: float | None = None) -> object:
        value = config.get(key)
        return defaults.get(name, otherwise) if value is None else value

    found = {name: whole(path, key, given(key, name)) for name, key in KEYS.items()}
    heads, theta = found["heads"], part(path, "rope_parameters", config.get("rope_parameters")).get("rope_theta")
    sizes = Sizes(
        **found,
        kv_heads=whole(path, "num_key_value_heads", given("num_key_value_heads", "kv_heads", heads)),
        head_dim=whole(path, "head_dim", given("head_dim", "head_dim", found["hidden"] // heads)),
        epsilon=number(path, "rms_norm_eps", given("rms_norm_eps", "epsilon", 1e-5)),
        theta=number(path, "rope_theta", given("rope_theta", "theta", 10000.0) if theta is None else theta),
    )
    if heads % sizes.kv_heads or sizes.head_dim % 2:
        raise ExportError(
            f"{path} has {heads} attention heads, {sizes.kv_heads} key-value heads and heads of {sizes.head_dim} channels; "
            "expected a multiple of the key-value heads, and an even number of channels."
        )
    return sizes


def _check_supported(config: Mapping[str, Any], path: Path) -> None:
    """Raises ExportError for settings that would change the results and cannot be exported."""
    for key in ("rope_scaling", "rope_parameters"):  # the second is what newer versions of transformers write
        rotary = part(path, key, config.get(key))
        kinds = {json.dumps(rotary[name]) for name in ("rope_type", "type") if rotary.get(name) is not None}
        if kinds - {'"default"'} or rotary.keys() - {"rope_type", "type", "rope_theta"}:
            raise ExportError(
                f"{path} has {key} {dict(rotary)}; scaled rotary positions cannot be exported: give a checkpoint without them.")
    if (activation := config.get("hidden_act")) not in (None, "silu", "swish"):
        raise ExportError(f"{path} has hidden_act {activation!r}; expected silu, the only activation that can be exported.")


def measure(checkpoint: Checkpoint, names: Names, head_dim: int) -> dict[str, int]:
    """The sizes that follow from the shapes of the tensors."""
    embedding = checkpoint.tensor(f"{names.embedding}.weight", None, None)
    first = f"{names.layers}0."
    queries = checkpoint.tensor(f"{first}{names.output}.weight", embedding.shape[1], None).shape[1]
    packed = sum(checkpoint.tensor(f"{first}{name}.weight", None, embedding.shape[1]).shape[0] for name in names.qkv)
    return {
        "layers": count(checkpoint.names(), names.layers), "hidden": embedding.shape[1], "vocabulary": embedding.shape[0],
        "heads": queries // head_dim, "kv_heads": (packed - queries) // (2 * head_dim), "head_dim": head_dim,
        "inner": checkpoint.tensor(f"{first}{names.gate}.weight", None, embedding.shape[1]).shape[0],
    }


class Llama:
    """The tensors of a transformer of such blocks."""

    def __init__(self, checkpoint: Checkpoint, names: Names, sizes: Sizes) -> None:
        self.checkpoint, self.names, self.sizes = checkpoint, names, sizes
        self._normed = f"{names.layers}0.{names.head_norms[0]}.weight" in checkpoint
        self._check_names()
        self.embedding = self.tensor(names.embedding, sizes.vocabulary, sizes.hidden)
        self.final_norm = self.tensor(names.final_norm, sizes.hidden)

    def shape(self, codes: int, **options: Any) -> Shape:
        sizes = self.sizes
        return Shape(
            layers=sizes.layers, hidden=sizes.hidden, heads=sizes.heads, kv_heads=sizes.kv_heads, head_dim=sizes.head_dim,
            norm_epsilon=sizes.epsilon, max_positions=sizes.max_positions, codes=codes, **options,
        )

    def head(self) -> Tensor:
        """[vocabulary, hidden]."""
        return self.tensor(self.names.head, self.sizes.vocabulary, self.sizes.hidden)

    def layer(self, index: int) -> Layer:
        names, sizes = self.names, self.sizes
        prefix = f"{names.layers}{index}."
        queries, keys = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
        rows = (queries, keys, keys) if len(names.qkv) == 3 else (queries + 2 * keys,)
        head_norm = None
        if self._normed:
            head_norm = HeadNorm(self._head_norm(prefix, "weight"), self._head_norm(prefix, "bias"), HEAD_NORM_EPSILON)
        return Layer(
            attention_norm=self.tensor(prefix + names.attention_norm, sizes.hidden),
            qkv=[self.tensor(prefix + name, n, sizes.hidden) for name, n in zip(names.qkv, rows)],
            head_norm=head_norm,
            output=self.tensor(prefix + names.output, sizes.hidden, queries),
            mlp_norm=self.tensor(prefix + names.mlp_norm, sizes.hidden),
            gate=self.tensor(prefix + names.gate, sizes.inner, sizes.hidden),
            up=self.tensor(prefix + names.up, sizes.inner, sizes.hidden),
            down=self.tensor(prefix + names.down, sizes.hidden, sizes.inner),
        )

    def _check_names(self) -> None:
        """Raises ExportError for tensors of a layer that are not read.

        Adapters, scales of quantized weights, biases and further layers would change the results.
        """
        names, start = self.names, self.names.layers
        weights = [names.attention_norm, *names.qkv, names.output, names.mlp_norm, names.gate, names.up, names.down]
        read = {f"{name}.weight" for name in [*weights, *(names.head_norms if self._normed else ())]}
        read |= {f"{name}.bias" for name in (names.head_norms if self._normed else ())}
        for name in self.checkpoint.names():
            if not name.startswith(start) or name.endswith(TABLES):
                continue
            layer, _, rest = name[len(start) :].partition(".")
            if layer.isdigit() and int(layer) >= self.sizes.layers:
                raise ExportError(
                    f"the weights have the tensor {name}, but config.json has {self.sizes.layers} layers: they are not from the same "
                    "model."
                )
            if rest not in read:
                raise ExportError(
                    f"the weights have the tensor {name}, which this architecture does not read: this is another model, or a modified one.")

    def _head_norm(self, prefix: str, part: str) -> tuple[Tensor, Tensor]:
        """The norms of queries and keys. They have one row for each head, for several consecutive heads, or for all heads."""
        parts = []
        for norm, heads in zip(self.names.head_norms, (self.sizes.heads, self.sizes.kv_heads)):
            name = f"{prefix}{norm}.{part}"
            tensor, rows = head_norm_rows(self.checkpoint, name, self.sizes.head_dim)
            if heads % rows:
                raise ExportError(f"{name} has {rows} rows, which {heads} heads cannot share evenly.")
            parts.append(tensor)
        queries, keys = parts
        return queries, keys

    def tensor(self, name: str, *shape: int) -> Tensor:
        return self.checkpoint.tensor(f"{name}.weight", *shape)


class LlamaFamily:
    """The members that are the same in most families: layers, and no text encoder."""

    _llama: Llama

    def layer(self, index: int) -> Layer:
        return self._llama.layer(index)

    def text_encoder(self) -> T5Encoder | None:
        return None


def head_norm_rows(checkpoint: Checkpoint, name: str, head_dim: int | None) -> tuple[Tensor, int]:
    """A norm's tensor, [rows, head_dim] or a single row [head_dim], and its number of rows."""
    is_row = len(checkpoint.shape(name) or ()) == 1
    tensor = checkpoint.tensor(name, *((head_dim,) if is_row else (None, head_dim)))
    return tensor, 1 if is_row else tensor.shape[0]
