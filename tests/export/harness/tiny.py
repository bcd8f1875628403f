"""A tiny random checkpoint in Chameleon's layout.

Norm weights and biases are random too, because constant ones would hide a missing or misplaced norm.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from sjdexport.safetensors import write_safetensors


@dataclasses.dataclass(frozen=True)
class Preset:
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    inner: int
    codes: int
    positions: int
    code_channels: int
    latent: int
    channels: int  # of the image decoder; each level has them times its multiplier, from full resolution down
    multipliers: tuple[int, ...]
    size: int  # pixels


TINY = Preset(64, 2, 4, 2, 96, 32, 128, 4, 32, 32, (1, 2), 16)
MERGES = ["t h", "Ġ a", "th e", "r e", "Ġ r", "f o", "fo x", "Ġ o", "o n", "Ġ b", "Ġ fox", "Ġ 1", "Ġ Ġ", "ð Ł", "! !", "Ċ Ċ"]
SCHEDULE = {"steps": 3, "alpha": [1, 0.75, 0.4, 0], "sigma": [0, 0.5, 0.75, 1]}


def write_checkpoint(folder: Path, preset: Preset = TINY, seed: int = 0, dtype: type = np.float16, denoising: bool = False) -> None:
    """Writes config.json, tokenizer.json, generation.json and checkpoint.safetensors.

    `denoising` adds the tensors and the section of SJD2.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _vocabulary(preset.codes)
    tensors = {
        **_transformer(preset, len(vocabulary), np.random.default_rng(seed)), **decoder(preset, seed),
        **(_denoising(preset, seed) if denoising else {})}
    write_safetensors(folder / "checkpoint.safetensors", {name: array.astype(dtype) for name, array in tensors.items()})
    _write_json(folder / "config.json", _config(preset, len(vocabulary)))
    _write_json(folder / "tokenizer.json", _tokenizer(vocabulary))
    _write_json(folder / "generation.json", {**_generation(preset), **({"denoising": SCHEDULE} if denoising else {})})


def byte_alphabet() -> list[str]:
    """GPT-2's printable characters for the 256 bytes, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(extra)) for byte in range(256)]


def _vocabulary(codes: int) -> dict[str, int]:
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *(f"<code{i}>" for i in range(codes)), "<end>", "<start>", "<row>", "<turn>"]
    tokens += byte_alphabet() + [merge.replace(" ", "") for merge in MERGES]
    return {token: id for id, token in enumerate(tokens)}


def _tokenizer(vocabulary: dict[str, int]) -> dict:
    special = [{"id": id, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
               for token, id in vocabulary.items() if token in ("<s>", "<pad>", "</s>", "<unk>", "<end>", "<start>", "<row>", "<turn>")]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary, "merges": MERGES},
    }


def _config(preset: Preset, vocabulary: int) -> dict:
    return {
        "model_type": "chameleon", "hidden_size": preset.hidden, "num_hidden_layers": preset.layers, "num_attention_heads": preset.heads,
        "num_key_value_heads": preset.kv_heads, "intermediate_size": preset.inner, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "vocab_size": vocabulary, "swin_norm": False, "max_position_embeddings": preset.positions,
    }


def _generation(preset: Preset) -> dict:
    end, start, row, turn = range(4 + preset.codes, 8 + preset.codes)
    return {
        "license": {"id": "MIT", "notice": "Random weights.", "commercial": True},
        "prompt": {"conditional": [0, {"text": "{prompt}"}, turn, start], "unconditional": [0, turn, start],
                   "maxTokens": min(128, preset.positions // 4)},
        "layout": {"firstCode": 4, "codes": preset.codes, "rowSuffix": [row], "suffix": [end]},
        "image": {"sizes": [[preset.size, preset.size]]},
        "sampling": {"guidance": 3.0, "temperature": 1.0, "topK": 0, "topP": 1.0},
        "decoding": {"method": "sjd", "window": 16, "initialization": "uniform"},
    }


def _transformer(preset: Preset, vocabulary: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    head_dim = preset.hidden // preset.heads

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(0, columns**-0.5, (rows, columns))

    def gamma(*shape: int) -> np.ndarray:
        return random.uniform(0.5, 1.5, shape)

    tensors = {"model.embed_tokens.weight": random.normal(0, 1, (vocabulary, preset.hidden)), "model.norm.weight": gamma(preset.hidden)}
    for i in range(preset.layers):
        layer = {
            "self_attn.q_proj.weight": matrix(preset.hidden, preset.hidden),
            "self_attn.k_proj.weight": matrix(preset.kv_heads * head_dim, preset.hidden),
            "self_attn.v_proj.weight": matrix(preset.kv_heads * head_dim, preset.hidden),
            "self_attn.o_proj.weight": matrix(preset.hidden, preset.hidden),
            "mlp.gate_proj.weight": matrix(preset.inner, preset.hidden),
            "mlp.up_proj.weight": matrix(preset.inner, preset.hidden),
            "mlp.down_proj.weight": matrix(preset.hidden, preset.inner),
            "input_layernorm.weight": gamma(preset.hidden),
            "post_attention_layernorm.weight": gamma(preset.hidden),
        }
        for name, heads in (("q_norm", preset.heads), ("k_norm", preset.kv_heads)):
            layer[f"self_attn.{name}.weight"] = gamma(heads, head_dim)
            layer[f"self_attn.{name}.bias"] = random.normal(0, 0.3, (heads, head_dim))
        tensors |= {f"model.layers.{i}.{name}": values for name, values in layer.items()}
    tensors["lm_head.weight"] = 2 * matrix(vocabulary, preset.hidden)
    return tensors


def _denoising(preset: Preset, seed: int) -> dict[str, np.ndarray]:
    random, features, inner = np.random.default_rng(seed + 2), 16, 24
    return {
        "denoising.mean": random.normal(0, 0.3, preset.hidden),
        "denoising.std": random.uniform(0.5, 1.5, preset.hidden),
        "denoising.levels.first.weight": random.normal(0, features**-0.5, (inner, features)),
        "denoising.levels.first.bias": random.normal(0, 0.3, inner),
        "denoising.levels.second.weight": random.normal(0, inner**-0.5, (preset.hidden, inner)),
        "denoising.levels.second.bias": random.normal(0, 0.3, preset.hidden),
    }


def decoder(preset: Preset, seed: int = 0) -> dict[str, np.ndarray]:
    """The image decoder's tensors."""
    random = np.random.default_rng(seed + 1)
    tensors: dict[str, np.ndarray] = {}

    def conv(name: str, inputs: int, outputs: int, kernel: int) -> None:
        tensors[f"{name}.weight"] = random.normal(0, (inputs * kernel**2) ** -0.5, (outputs, inputs, kernel, kernel))
        tensors[f"{name}.bias"] = random.normal(0, 0.1, outputs)

    def norm(name: str, channels: int) -> None:
        tensors[f"{name}.weight"] = random.uniform(0.5, 1.5, channels)
        tensors[f"{name}.bias"] = random.normal(0, 0.2, channels)

    def block(name: str, inputs: int, outputs: int) -> None:
        norm(f"{name}.norm1", inputs)
        conv(f"{name}.conv1", inputs, outputs, 3)
        norm(f"{name}.norm2", outputs)
        conv(f"{name}.conv2", outputs, outputs, 3)
        if inputs != outputs:
            conv(f"{name}.nin_shortcut", inputs, outputs, 1)

    widths = [preset.channels * multiplier for multiplier in preset.multipliers]
    tensors["quantize.embedding.weight"] = random.normal(0, 1, (preset.codes, preset.code_channels))
    conv("post_quant_conv", preset.code_channels, preset.latent, 1)
    conv("decoder.conv_in", preset.latent, widths[-1], 3)
    block("decoder.mid.block_1", widths[-1], widths[-1])
    norm("decoder.mid.attn_1.norm", widths[-1])
    for part in ("q", "k", "v", "proj_out"):
        conv(f"decoder.mid.attn_1.{part}", widths[-1], widths[-1], 1)
    block("decoder.mid.block_2", widths[-1], widths[-1])
    for level in reversed(range(len(widths))):
        block(f"decoder.up.{level}.block.0", widths[min(level + 1, len(widths) - 1)], widths[level])
        if level:
            conv(f"decoder.up.{level}.upsample.conv", widths[level], widths[level], 3)
    norm("decoder.norm_out", widths[0])
    conv("decoder.conv_out", widths[0], 3, 3)
    return {f"model.vqmodel.{name}": values for name, values in tensors.items()}


def _write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
