"""Writes a LLaMA in GGUF, the format of llama.cpp: a header, typed keys and values, the names and shapes of tensors, and their bytes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from sjdexport.checkpoint import Checkpoint

VERSION, ALIGNMENT, BLOCK = 3, 32, 32
UINT32, FLOAT32, STRING = 4, 6, 8  # types of values
F32, Q8_0 = 0, 8  # types of tensors; Q8_0 is a half-precision scale and 32 bytes for each block of 32 weights
NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_llama(path: Path, checkpoint: Checkpoint, config: dict, quantize: bool) -> None:
    """Writes a checkpoint with Hugging Face's names. With `quantize`, its matrices become Q8_0."""
    heads = config["num_attention_heads"]
    values = {
        "general.architecture": "llama", "general.alignment": ALIGNMENT, "general.file_type": 7 if quantize else 0,
        "general.quantization_version": 2, "tokenizer.ggml.model": "none", "llama.vocab_size": config["vocab_size"],
        "llama.context_length": config["max_position_embeddings"], "llama.embedding_length": config["hidden_size"],
        "llama.block_count": config["num_hidden_layers"], "llama.feed_forward_length": config["intermediate_size"],
        "llama.attention.head_count": heads, "llama.attention.head_count_kv": config["num_key_value_heads"],
        "llama.attention.layer_norm_rms_epsilon": config["rms_norm_eps"], "llama.rope.freq_base": config["rope_theta"],
        "llama.rope.dimension_count": config["hidden_size"] // heads,
    }
    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    for layer in range(config["num_hidden_layers"]):
        names |= {f"blk.{layer}.{short}": f"model.layers.{layer}.{name}" for name, short in NAMES.items()}

    infos, data, offset = b"", [], 0
    for name, source in names.items():
        tensor = checkpoint.tensor(f"{source}.weight", *checkpoint.shape(f"{source}.weight")).float32()
        if name.endswith(("attn_q", "attn_k")):
            tensor = _neighbors(tensor, heads if name.endswith("q") else config["num_key_value_heads"])
        type = Q8_0 if quantize and tensor.ndim == 2 else F32
        content = _blocks(tensor) if type == Q8_0 else tensor.astype("<f4").tobytes()
        infos += _string(f"{name}.weight") + struct.pack("<I", tensor.ndim)
        infos += b"".join(struct.pack("<Q", size) for size in reversed(tensor.shape)) + struct.pack("<IQ", type, offset)
        data.append(content + bytes(-len(content) % ALIGNMENT))
        offset += len(data[-1])
    header = b"GGUF" + struct.pack("<IQQ", VERSION, len(names), len(values))
    header += b"".join(_string(key) + _value(value) for key, value in values.items()) + infos
    path.write_bytes(header + bytes(-len(header) % ALIGNMENT) + b"".join(data))


def _neighbors(matrix: np.ndarray, heads: int) -> np.ndarray:
    """Orders rows so that the channels that are rotated together are neighbors, as llama.cpp expects, and not half a head apart."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _blocks(matrix: np.ndarray) -> bytes:
    parts = matrix.reshape(-1, BLOCK)
    scales = np.abs(parts).max(axis=1, keepdims=True) / 127
    rounded = np.rint(parts / np.maximum(scales, 1e-30)).astype(np.int8)
    return np.concatenate([scales.astype("<f2").view(np.int8), rounded], axis=1).tobytes()


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: str | int | float) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _string(value)
    return struct.pack("<If", FLOAT32, value) if isinstance(value, float) else struct.pack("<II", UINT32, value)
