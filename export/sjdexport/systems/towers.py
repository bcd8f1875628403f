"""The vision transformers of policies, from a picture to vectors for the language model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..families.fields import number, part, whole
from ..graph import FLOAT, Graph
from ..numbering import count
from ..precision import MICROSOFT, Float
from ..weights import Weights

# Heads, mean and standard deviation of the pictures, by the names in timm_model_ids.
IMAGENET = ((0.484375, 0.455078125, 0.40625), (0.228515625, 0.2236328125, 0.224609375))  # in bfloat16, as OpenVLA's processor has them
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
TIMM = {
    "vit_large_patch14_reg4_dinov2.lvd142m": (16, *IMAGENET), "vit_so400m_patch14_siglip_224": (16, *HALF),
    "vit_so400m_patch14_siglip_384": (16, *HALF),
}
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
TIMM_EPSILON = 1e-6
Normalization = tuple[tuple[float, ...], tuple[float, ...]]


@dataclasses.dataclass(frozen=True)
class Names:
    """Names of a tower's tensors, without .weight and .bias. Those from `norms` on follow `blocks` and the block's number."""

    patch: str
    positions: str
    prefix: tuple[str, ...]  # tokens before the patches
    first_norm: str | None
    blocks: str
    norms: tuple[str, str]
    qkv: tuple[str, ...]
    output: str
    mlp: tuple[str, str]
    scales: tuple[str, str]


def timm(prefix: str) -> Names:
    return Names(
        f"{prefix}patch_embed.proj", f"{prefix}pos_embed", (f"{prefix}cls_token", f"{prefix}reg_token"), None, f"{prefix}blocks.",
        ("norm1", "norm2"), ("attn.qkv",), "attn.proj", ("mlp.fc1", "mlp.fc2"), ("ls1.scale_factor", "ls2.scale_factor"))


def clip(prefix: str = "vision_tower.vision_model.") -> Names:
    return Names(
        f"{prefix}embeddings.patch_embedding", f"{prefix}embeddings.position_embedding.weight", (f"{prefix}embeddings.class_embedding",),
        f"{prefix}pre_layrnorm", f"{prefix}encoder.layers.", ("layer_norm1", "layer_norm2"),
        tuple(f"self_attn.{each}_proj" for each in "qkv"), "self_attn.out_proj", ("mlp.fc1", "mlp.fc2"), ("", ""))


class Tower:
    """A vision transformer up to its second-to-last block, without the final norm. Only the patches leave it."""

    def __init__(
        self, checkpoint: Checkpoint, names: Names, heads: int, normalization: Normalization, epsilon: float, quick: bool, side: int,
    ) -> None:
        self._checkpoint, self._names, self._heads, self._epsilon, self._quick = checkpoint, names, heads, epsilon, quick
        self._normalization = normalization
        self._patch = checkpoint.tensor(f"{names.patch}.weight", None, 3, None, None)
        self.width, size = self._patch.shape[0], self._patch.shape[2]
        if side % size or self._patch.shape[3] != size:
            raise ExportError(
                f"{names.patch}.weight has patches of {size} x {self._patch.shape[3]} pixels; expected squares that fit into "
                f"{side} pixels.")
        if self.width % heads:
            raise ExportError(f"{names.patch}.weight has {self.width} channels; expected a multiple of {heads} heads.")
        self.side, self.patches = side, (side // size) ** 2
        self.blocks = count(checkpoint.names(), names.blocks)
        if self.blocks < 2:
            raise ExportError(f"the weights have {self.blocks} blocks {names.blocks}*; expected 2 or more, because the last is not used.")

    def build(self, name: str, graph: Graph, weights: Weights, picture: str) -> str:
        """The patches [1, patches, width] of a picture [1, 3, side, side] in [0, 1]."""
        self._graph, self._weights, self._float = graph, weights, Float(graph, weights, FLOAT)
        mean, deviation = (np.array(each, np.float32)[None, :, None, None] for each in self._normalization)
        centered = graph.node("Sub", f"{name}.centered", [picture, graph.constant(mean)])
        x = graph.node("Div", f"{name}.normalized", [centered, graph.constant(deviation)])
        x, prefix = self._embed(name, x)
        for index in range(self.blocks - 1):
            x = self._block(f"{name}.{index}", f"{self._names.blocks}{index}.", x)
        ends = [graph.constant(np.array([each])) for each in (prefix, prefix + self.patches, 1)]
        return graph.node("Slice", f"{name}.patches", [x, *ends])

    def _embed(self, name: str, x: str) -> tuple[str, int]:
        """The tokens, and the number of them before the patches."""
        graph, names, size = self._graph, self._names, self._patch.shape[2]
        inputs = [x, self._weights.converted(self._patch, FLOAT)]
        if f"{names.patch}.bias" in self._checkpoint:
            inputs.append(graph.constant(self._vector(f"{names.patch}.bias", self.width)))
        map = graph.node("Conv", f"{name}.patch", inputs, strides=[size, size])
        flat = graph.node("Reshape", f"{name}.flat", [map, graph.constant(np.array([1, self.width, self.patches]))])
        x = graph.node("Transpose", f"{name}.rows", [flat], perm=[0, 2, 1])
        before = [self._checkpoint[each].float32().reshape(1, -1, self.width) for each in names.prefix if each in self._checkpoint]
        prefix = sum(each.shape[1] for each in before)
        positions = self._checkpoint[names.positions].float32().reshape(1, -1, self.width) if names.positions in self._checkpoint else None
        if positions is None or positions.shape[1] not in (self.patches, self.patches + prefix):
            found = "no tensor" if positions is None else f"{positions.shape[1]} rows in"
            raise ExportError(
                f"the weights have {found} {names.positions}; expected {self.patches} rows, or {self.patches + prefix} with the tokens "
                "before the patches.")
        own = positions[:, -self.patches :]
        x = graph.node("Add", f"{name}.placed", [x, self._weights.append(f"{names.positions}.patches", np.ascontiguousarray(own))])
        if prefix:
            front = np.concatenate(before, axis=1)
            if positions.shape[1] > self.patches:
                front = front + positions[:, :prefix]
            x = graph.node("Concat", f"{name}.tokens", [graph.constant(front), x], axis=1)
        return (x if names.first_norm is None else self._norm(f"{name}.first_norm", names.first_norm, x)), prefix

    def _block(self, name: str, prefix: str, x: str) -> str:
        names, graph = self._names, self._graph
        attended = self._attention(f"{name}.attention", prefix, self._norm(f"{name}.norm1", prefix + names.norms[0], x))
        x = graph.node("Add", f"{name}.attended", [x, self._scaled(f"{name}.scale1", prefix + names.scales[0], attended)])
        first, second = (prefix + each for each in names.mlp)
        inner = self.linear(f"{name}.fc1", first, self._norm(f"{name}.norm2", prefix + names.norms[1], x), None, self.width)
        inner = self._activation(f"{name}.gelu", inner)
        width = self._checkpoint.shape(f"{first}.weight")[0]
        grown = self.linear(f"{name}.fc2", second, inner, self.width, width)
        return graph.node("Add", f"{name}.out", [x, self._scaled(f"{name}.scale2", prefix + names.scales[1], grown)])

    def _attention(self, name: str, prefix: str, x: str) -> str:
        graph, names = self._graph, self._names
        if len(names.qkv) == 1:
            packed = self.linear(f"{name}.qkv", prefix + names.qkv[0], x, 3 * self.width, self.width)
            qkv = graph.nodes("Split", [f"{name}.{each}" for each in "qkv"], [packed], axis=2, num_outputs=3)
        else:
            qkv = [self.linear(f"{name}.{each}", prefix + own, x, self.width, self.width) for each, own in zip("qkv", names.qkv)]
        attended = graph.node("MultiHeadAttention", name, qkv, MICROSOFT, num_heads=self._heads)
        return self.linear(f"{name}.output", prefix + names.output, attended, self.width, self.width)

    def _activation(self, name: str, x: str) -> str:
        if self._quick:
            return self._graph.node("QuickGelu", name, [x], MICROSOFT, alpha=1.702)
        return self._graph.node("Gelu", name, [x], MICROSOFT)

    def _scaled(self, name: str, scale: str, x: str) -> str:
        if not scale or scale not in self._checkpoint:
            return x
        return self._graph.node("Mul", name, [x, self._graph.constant(self._vector(scale, self.width))])

    def _norm(self, name: str, own: str, x: str) -> str:
        gamma, beta = (self._graph.constant(self._vector(f"{own}.{each}", self.width)) for each in ("weight", "bias"))
        return self._graph.node("LayerNormalization", name, [x, gamma, beta], axis=-1, epsilon=self._epsilon)

    def _vector(self, name: str, size: int) -> np.ndarray:
        return self._checkpoint.tensor(name, size).float32()

    def linear(self, name: str, own: str, x: str, outputs: int | None, inputs: int) -> str:
        return linear(self._graph, self._float, self._checkpoint, name, own, x, outputs, inputs)


def linear(
    graph: Graph, floats: Float, checkpoint: Checkpoint, name: str, own: str, x: str, outputs: int | None, inputs: int,
) -> str:
    matrix = checkpoint.tensor(f"{own}.weight", outputs, inputs)
    product = floats.linear(f"{name}.product", [x], [matrix])
    return graph.node("Add", name, [product, graph.constant(checkpoint.tensor(f"{own}.bias", matrix.shape[0]).float32())])


class Towers(Protocol):
    """The towers with the projector after them."""

    is_openvla: bool
    side: int  # pixels
    patches: int
    description: str

    def build(self, graph: Graph, weights: Weights, picture: str) -> str:
        """The patches as the language model reads them [1, patches, hidden], of a picture [1, 3, side, side] in [0, 1]."""


class Projected:
    """Towers side by side, and linear layers with GELU between them."""

    def __init__(self, checkpoint: Checkpoint, towers: Sequence[Tower], layers: Sequence[str], hidden: int, is_openvla: bool) -> None:
        self._checkpoint, self._towers, self._layers, self._hidden, self.is_openvla = checkpoint, towers, layers, hidden, is_openvla
        self.side, self.patches = towers[0].side, towers[0].patches
        if any((tower.side, tower.patches) != (self.side, self.patches) for tower in towers):
            raise ExportError(
                f"the two vision transformers have {towers[0].patches} patches of {towers[0].side} pixels and {towers[1].patches} of "
                f"{towers[1].side}; expected the same.")
        shapes = " and ".join(f"{tower.blocks} blocks of {tower.width} channels" for tower in towers)
        self.description = f"{shapes}, {self.patches} patches"

    def build(self, graph: Graph, weights: Weights, picture: str) -> str:
        floats = Float(graph, weights, FLOAT)
        features = [tower.build(f"tower.{i}", graph, weights, picture) for i, tower in enumerate(self._towers)]
        x = features[0] if len(features) == 1 else graph.node("Concat", "features", features, axis=2)
        width = sum(tower.width for tower in self._towers)
        for i, layer in enumerate(self._layers):
            if i:
                x = graph.node("Gelu", f"projector.{i}.gelu", [x], MICROSOFT)
            is_last = i == len(self._layers) - 1
            x = linear(graph, floats, self._checkpoint, f"projector.{i}", layer, x, self._hidden if is_last else None, width)
            width = self._checkpoint.shape(f"{layer}.weight")[0]
        return x


def find_towers(checkpoint: Checkpoint, config: Mapping[str, Any], path: Path, own: Mapping[str, Any], hidden: int) -> Towers:
    """OpenVLA's one or two towers under timm's names, or LLaVA's CLIP under Hugging Face's."""
    if "projector.fc1.weight" in checkpoint:
        return _openvla(checkpoint, config, path, own, hidden)
    vision = part(path, "vision_config", config.get("vision_config"))
    if config.get("vision_feature_layer", -2) != -2 or config.get("vision_feature_select_strategy", "default") != "default":
        raise ExportError(f"{path}: expected vision_feature_layer -2 and vision_feature_select_strategy \"default\", as in LLaVA.")
    activation = vision.get("hidden_act", "quick_gelu")
    if activation not in ("quick_gelu", "gelu"):
        raise ExportError(f"{path}: vision_config.hidden_act is {activation!r}; expected quick_gelu or gelu.")
    tower = Tower(
        checkpoint, clip(), whole(path, "vision_config.num_attention_heads", vision.get("num_attention_heads", 16)), CLIP,
        number(path, "vision_config.layer_norm_eps", vision.get("layer_norm_eps", 1e-5)), activation == "quick_gelu",
        whole(path, "vision_config.image_size", vision.get("image_size", 336)))
    return Projected(checkpoint, [tower], ("multi_modal_projector.linear_1", "multi_modal_projector.linear_2"), hidden, is_openvla=False)


def _openvla(checkpoint: Checkpoint, config: Mapping[str, Any], path: Path, own: Mapping[str, Any], hidden: int) -> Towers:
    prefixes = ["vision_backbone.featurizer."]
    if "vision_backbone.fused_featurizer.patch_embed.proj.weight" in checkpoint:
        prefixes.append("vision_backbone.fused_featurizer.")
    ids, sizes = config.get("timm_model_ids"), config.get("image_sizes")
    for field, value in (("timm_model_ids", ids), ("image_sizes", sizes)):
        if not isinstance(value, list) or len(value) != len(prefixes):
            raise ExportError(f"{path}: {field} is {value!r}; expected a list of {len(prefixes)}, one for each vision transformer.")
    heads = own.get("vision_heads", [TIMM.get(str(id), (0,))[0] for id in ids])
    towers = []
    for i, (prefix, id, size) in enumerate(zip(prefixes, ids, sizes)):
        if id not in TIMM:
            raise ExportError(f"{path}: timm_model_ids has {id!r}; expected {', '.join(TIMM)}: other vision transformers are not read.")
        towers.append(Tower(
            checkpoint, timm(prefix), whole(path, f"{i}th number of vision heads", heads[i] if i < len(heads) else None), TIMM[id][1:],
            TIMM_EPSILON, False, whole(path, "image_sizes", size)))
    layers = [f"projector.fc{i}" for i in range(1, 4 if len(prefixes) > 1 else 3)]
    return Projected(checkpoint, towers, layers, hidden, is_openvla=True)
