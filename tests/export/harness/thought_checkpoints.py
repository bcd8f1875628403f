"""Tiny random checkpoints of PCCoT: GPT-2 and Llama, whole or as a base model with an adapter, under the official names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sjdexport.safetensors import write_safetensors
from training.thought.tokens import Tokenizer

ADDED = 4  # <pcot.bot>, <pcot.eot>, <pcot.latent>, [PAD]
BASE = 40  # rows of the base model's embedding; the last one is the end token
VOCABULARY = BASE + ADDED
GPT2 = {
    "model_type": "pccot-gpt2", "vocab_size": VOCABULARY, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 48, "n_inner": None,
    "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new", "eos_token_id": BASE - 1, "use_projection": False, "num_iterations": 3,
}
LLAMA = {
    "model_type": "pccot-llama", "vocab_size": VOCABULARY, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 6,
    "num_key_value_heads": 2, "intermediate_size": 40, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "hidden_act": "silu", "tie_word_embeddings": True, "eos_token_id": [BASE - 1, BASE - 2], "use_projection": False, "num_iterations": 2,
    "rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16},
}
ARGUMENTS = {
    "bot_token_id": BASE, "eot_token_id": BASE + 1, "latent_token_id": BASE + 2, "answer_prompt": "AB:", "num_latent_tokens": 5,
}
TARGETS = {"gpt2": ["c_attn", "c_fc", "c_proj"], "llama": ["q_proj", "v_proj", "down_proj"]}
RANK, ALPHA = 4, 6


def weights(config: Mapping[str, Any], seed: int = 0, rows: int = VOCABULARY) -> dict[str, np.ndarray]:
    """Random weights of a whole model, whose embedding has `rows` rows."""
    tensors = _gpt2(config, seed, rows) if "gpt2" in config["model_type"] else _llama(config, seed, rows)
    if config["use_projection"]:
        random, width = np.random.default_rng(seed + 1), config.get("n_embd") or config["hidden_size"]
        for index in (0, 2):
            tensors[f"prj.{index}.weight"] = random.normal(0, width**-0.5, (width, width))
            tensors[f"prj.{index}.bias"] = random.normal(0, 0.2, width)
        tensors |= {"prj.3.weight": random.uniform(0.5, 1.5, width), "prj.3.bias": random.normal(0, 0.2, width)}
    return {name: values.astype(np.float32) for name, values in tensors.items()}


def adapter(config: Mapping[str, Any], seed: int = 7) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Random factors and trained rows under PEFT's names, and adapter_config.json."""
    random, kind = np.random.default_rng(seed), "gpt2" if "gpt2" in config["model_type"] else "llama"
    prefix = "base_model.model."
    tensors: dict[str, np.ndarray] = {}
    for name, values in weights(config).items():
        module = name.removesuffix(".weight")
        if name.endswith(".weight") and module.rpartition(".")[2] in TARGETS[kind]:
            inputs, outputs = values.shape if kind == "gpt2" else values.shape[::-1]
            tensors[f"{prefix}{module}.lora_A.weight"] = random.normal(0, inputs**-0.5, (RANK, inputs))
            tensors[f"{prefix}{module}.lora_B.weight"] = random.normal(0, 0.3, (outputs, RANK))
    embedding = "transformer.wte" if kind == "gpt2" else "model.embed_tokens"
    trained = [BASE, BASE + 1, BASE + 2, BASE + 3, BASE - 1]
    width = config.get("n_embd") or config["hidden_size"]
    tensors[f"{prefix}{embedding}.token_adapter.trainable_tokens_delta"] = random.normal(0, 1, (len(trained), width))
    document = {
        "peft_type": "LORA", "base_model_name_or_path": "tiny", "r": RANK, "lora_alpha": ALPHA, "lora_dropout": 0.1, "bias": "none",
        "target_modules": TARGETS[kind], "fan_in_fan_out": kind == "gpt2", "modules_to_save": None, "use_rslora": False, "use_dora": False,
        "trainable_token_indices": {embedding.rpartition(".")[2]: trained},
    }
    return {name: values.astype(np.float32) for name, values in tensors.items()}, document


def write(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, np.ndarray], file: str = "model.safetensors", **documents: Any,
) -> Path:
    """Writes weights and the documents beside them; `documents` are further ones by name, without .json, or None for no such file."""
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / file, tensors)
    for name, content in {"config": config, "pccot_args": ARGUMENTS, "tokenizer": tokenizer(), **documents}.items():
        if content is not None:
            (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def tokenizer() -> dict[str, Any]:
    """A tokenizer.json of the byte alphabet, whose ids are taken modulo the base's rows so that they fit a tiny vocabulary."""
    file = Tokenizer().file()
    file["added_tokens"] = []
    file["model"] |= {"merges": [], "vocab": {token: id % (BASE - 1) for token, id in file["model"]["vocab"].items() if len(token) == 1}}
    return file


def _gpt2(config: Mapping[str, Any], seed: int, rows: int) -> dict[str, np.ndarray]:
    random, width = np.random.default_rng(seed), config["n_embd"]
    tensors = {
        "transformer.wte.weight": random.normal(0, 1, (rows, width)),
        "transformer.wpe.weight": random.normal(0, 0.5, (config["n_positions"], width)),
    }

    def linear(name: str, inputs: int, outputs: int) -> None:
        tensors[f"{name}.weight"] = random.normal(0, inputs**-0.5, (inputs, outputs))
        tensors[f"{name}.bias"] = random.normal(0, 0.2, outputs)

    def norm(name: str) -> None:
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = random.uniform(0.5, 1.5, width), random.normal(0, 0.2, width)

    for i in range(config["n_layer"]):
        layer = f"transformer.h.{i}"
        norm(f"{layer}.ln_1")
        linear(f"{layer}.attn.c_attn", width, 3 * width)
        linear(f"{layer}.attn.c_proj", width, width)
        norm(f"{layer}.ln_2")
        linear(f"{layer}.mlp.c_fc", width, 4 * width)
        linear(f"{layer}.mlp.c_proj", 4 * width, width)
    norm("transformer.ln_f")
    return tensors


def _llama(config: Mapping[str, Any], seed: int, rows: int) -> dict[str, np.ndarray]:
    random, width, inner = np.random.default_rng(seed), config["hidden_size"], config["intermediate_size"]
    keys = width // config["num_attention_heads"] * config["num_key_value_heads"]

    def matrix(outputs: int, inputs: int) -> np.ndarray:
        return random.normal(0, inputs**-0.5, (outputs, inputs))

    tensors = {"model.embed_tokens.weight": random.normal(0, 1, (rows, width)), "model.norm.weight": random.uniform(0.5, 1.5, width)}
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        tensors |= {
            f"{layer}.input_layernorm.weight": random.uniform(0.5, 1.5, width),
            f"{layer}.post_attention_layernorm.weight": random.uniform(0.5, 1.5, width),
            f"{layer}.self_attn.q_proj.weight": matrix(width, width), f"{layer}.self_attn.k_proj.weight": matrix(keys, width),
            f"{layer}.self_attn.v_proj.weight": matrix(keys, width), f"{layer}.self_attn.o_proj.weight": matrix(width, width),
            f"{layer}.mlp.gate_proj.weight": matrix(inner, width), f"{layer}.mlp.up_proj.weight": matrix(inner, width),
            f"{layer}.mlp.down_proj.weight": matrix(width, inner),
        }
    return tensors
