"""Chameleon's layout under Hugging Face's names: Anole, Lumina-mGPT and the built-in model.

Architecture: arXiv 2405.09818; LLaMA blocks with LayerNorm on each head's queries and keys.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..errors import ExportError
from ..safetensors import Checkpoint, Tensor
from ..transformer import HeadNorm, Layer, Shape

NAME = "chameleon"
VQ_PREFIX = "model.vqmodel."
HEAD_NORM_EPSILON = 1e-5  # fixed in the reference code, whatever rms_norm_eps says

# What neither weights nor config.json tell, for Anole (the model the Hugging Face port of this layout comes with).
# generation.json beside the weights replaces sections of it: the built-in model and Lumina-mGPT have one.
GENERATION = {
    "license": {"id": "chameleon-research", "notice": "Derived from Chameleon: Chameleon Research License, non-commercial research only."},
    "prompt": {"template": "{prompt}", "conditional": [0, "prompt", 8710, 8197], "unconditional": [0, 8197], "maxTokens": 1024},
    "layout": {"firstCode": 4, "codes": 8192, "rowSuffix": [], "suffix": [8196]},
    "image": {"sizes": [[512, 512]]},
    "sampling": {"guidance": 3.0, "temperature": 1.0, "topK": 2000, "topP": 1.0},
    "decoding": {"method": "sjd", "window": 16, "initialisation": "uniform"},
}


class Chameleon:
    """A checkpoint folder seen as a transformer (transformer.Source)."""

    name = NAME
    generation = GENERATION
    vq_prefix = VQ_PREFIX

    def __init__(self, checkpoint: Checkpoint, layout: dict, vocabulary: dict[str, int]) -> None:
        _check_code_order(vocabulary, layout["firstCode"])
        config = _read_config(checkpoint.folder / "config.json")
        self._checkpoint = checkpoint
        self.vq_groups = _vq_groups(config)
        self._inner, self._vocabulary = config["intermediate_size"], config["vocab_size"]
        hidden, heads = config["hidden_size"], config["num_attention_heads"]
        self.shape = Shape(
            layers=config["num_hidden_layers"], hidden=hidden, heads=heads, kv_heads=config["num_key_value_heads"],
            head_dim=config.get("head_dim") or hidden // heads, norm_epsilon=config["rms_norm_eps"], rope_theta=config["rope_theta"],
            max_positions=config["max_position_embeddings"], codes=layout["codes"],
        )
        if self.shape.head_dim % 16:
            raise ExportError(
                f"config.json gives heads of {self.shape.head_dim} channels; ONNX Runtime's attention with rotation needs a multiple of 16."
            )
        self.embedding = checkpoint.tensor("model.embed_tokens.weight", self._vocabulary, hidden)
        self.final_norm = checkpoint.tensor("model.norm.weight", hidden).float32()
        # Structural tokens are always forced, so only the rows of image codes are ever sampled from.
        head = checkpoint.tensor("lm_head.weight", self._vocabulary, hidden)
        last = layout["firstCode"] + layout["codes"] - 1
        if last >= self._vocabulary:
            raise ExportError(f"the layout's codes end at id {last}, past the vocabulary of {self._vocabulary}: correct generation.json.")
        self.head = head.rows(layout["firstCode"], layout["codes"])

    def layer(self, index: int) -> Layer:
        shape, prefix = self.shape, f"model.layers.{index}"
        queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim

        def tensor(name: str, *dimensions: int) -> Tensor:
            return self._checkpoint.tensor(f"{prefix}.{name}.weight", *dimensions)

        return Layer(
            attention_norm=tensor("input_layernorm", shape.hidden).float32(),
            qkv=[tensor(f"self_attn.{part}_proj", rows, shape.hidden) for part, rows in (("q", queries), ("k", keys), ("v", keys))],
            head_norm=HeadNorm(self._head_norm(prefix, "weight"), self._head_norm(prefix, "bias"), HEAD_NORM_EPSILON),
            output=tensor("self_attn.o_proj", shape.hidden, queries),
            mlp_norm=tensor("post_attention_layernorm", shape.hidden).float32(),
            gate=tensor("mlp.gate_proj", self._inner, shape.hidden),
            up=tensor("mlp.up_proj", self._inner, shape.hidden),
            down=tensor("mlp.down_proj", shape.hidden, self._inner),
        )

    def _head_norm(self, prefix: str, part: str) -> np.ndarray:
        """[heads + kv heads, head_dim]. Lumina's files have one row for several consecutive heads; the port has one for each."""
        rows = []
        for projection, heads in (("q", self.shape.heads), ("k", self.shape.kv_heads)):
            values = self._checkpoint.tensor(f"{prefix}.self_attn.{projection}_norm.{part}", None, self.shape.head_dim).float32()
            if heads % len(values):
                raise ExportError(f"{prefix}.self_attn.{projection}_norm.{part} has {len(values)} rows, which {heads} heads cannot share evenly.")
            rows.append(np.repeat(values, heads // len(values), axis=0))
        return np.concatenate(rows)


def _check_code_order(vocabulary: dict[str, int], first: int) -> None:
    """Chameleon's own vocabulary spells code 1093 as IMGIMG, its digits as the letters BAJD, and Z; rows must be in code order."""
    for token, id in vocabulary.items():
        letters = token.removeprefix("IMGIMG").removesuffix("Z")
        if len(token) == len(letters) + 7 and letters.strip("ABCDEFGHIJ") == "":
            code = int(letters.translate(str.maketrans("ABCDEFGHIJ", "0123456789")))
            if id != first + code:
                raise ExportError(
                    f"tokenizer.json gives {token}, which is code {code}, the id {id} where {first + code} was expected: "
                    "codes out of order cannot be exported."
                )


def _vq_groups(config: dict) -> int:
    """Groups of the image decoder's GroupNorm: 32 in every published checkpoint; narrower decoders say otherwise."""
    groups = (config.get("vq_config") or {}).get("norm_groups", 32)
    if not isinstance(groups, int) or groups < 1:
        raise ExportError(f"config.json has vq_config.norm_groups {groups!r}; expected a positive integer.")
    return groups


def _read_config(path: Path) -> dict:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ExportError(f"{path} is missing: the weights' sizes are read from it.") from None
    except ValueError:
        raise ExportError(f"{path} is not JSON.") from None
    if not isinstance(config, dict):
        raise ExportError(f"{path} is not a JSON object.")
    config = {"num_key_value_heads": config.get("num_attention_heads"), "rms_norm_eps": 1e-5, "rope_theta": 10000.0, **config}
    for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size", "max_position_embeddings"):
        if not isinstance(config.get(key), int) or config[key] < 1:
            raise ExportError(f"{path} has no usable {key} (found {config.get(key)!r}; expected a positive integer).")
    if config.get("swin_norm"):
        raise ExportError(f"{path} sets swin_norm (Chameleon 30B's order of norms), which cannot be exported; the 7B models do not use it.")
    return config
