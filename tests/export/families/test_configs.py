"""Checks of config.json, and settings that are refused because they would change the results."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness import family_checkpoints as checkpoints
from harness.family_checkpoints import Weights
from sjdexport.checkpoint import Checkpoint
from sjdexport.errors import ExportError
from sjdexport.families.given import read_json
from sjdexport.families.llama import Llama, hugging_face, read_sizes

SIZES = checkpoints.Sizes(vocabulary=20, hidden=32, heads=2, kv_heads=1)
CONFIG = checkpoints.config(SIZES, max_position_embeddings=100)
PATH = Path("config.json")


def test_missing_fields_get_default_values() -> None:
    sizes = read_sizes({**CONFIG, "num_key_value_heads": None, "rms_norm_eps": None}, PATH, {"epsilon": 1e-6})
    assert (sizes.kv_heads, sizes.head_dim, sizes.epsilon, sizes.theta) == (2, 16, 1e-6, 10000.0)


@pytest.mark.parametrize("fields", [
    {"rope_theta": 5e5}, {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}, {
        "rope_theta": 1e4, "rope_parameters": {"rope_theta": 5e5}},
    {"rope_theta": 5e5, "rope_scaling": None, "rope_parameters": {}, "hidden_act": "silu"},
    {"rope_theta": 5e5, "rope_scaling": {"rope_type": "default"}}])
def test_the_rotation_base_is_read_from_all_its_fields(fields: dict) -> None:
    assert read_sizes({**CONFIG, **fields}, PATH).theta == 5e5


@pytest.mark.parametrize(("fields", "expected"), [
    ({"rms_norm_eps": "1e-5"}, "rms_norm_eps .*'1e-5'.* positive number"),
    ({"rms_norm_eps": 0}, "rms_norm_eps is 0"),
    ({"rms_norm_eps": float("nan")}, "rms_norm_eps .*nan"),
    ({"rope_theta": [1e4]}, "rope_theta"),
    ({"rope_theta": float("inf")}, "rope_theta .*inf"),
    ({"rope_parameters": {"rope_theta": "1e4"}}, "rope_theta"),
    ({"num_key_value_heads": "1"}, "num_key_value_heads .*positive integer"),
    ({"num_key_value_heads": 3}, "2 attention heads, 3 key-value heads"),
    ({"head_dim": 7.5}, "head_dim"),
    ({"head_dim": 15}, "heads of 15 channels"),
    ({"num_attention_heads": 64}, "head_dim is 0"),
    ({"num_hidden_layers": True}, "num_hidden_layers .*True"),
    ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling .*linear"),
    ({"rope_scaling": "linear"}, "rope_scaling .*expected an object"),
    ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4}}, "rope_parameters .*yarn"),
    ({"rope_parameters": {"rope_type": ["yarn"]}}, "rope_parameters .*yarn"),
    ({"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}, "rope_parameters .*full_attention"),
    ({"hidden_act": "gelu"}, "hidden_act 'gelu'"),
])
def test_unusable_fields_are_refused(fields: dict, expected: str) -> None:
    with pytest.raises(ExportError, match=expected):
        read_sizes({**CONFIG, **fields}, PATH)


@pytest.mark.parametrize("content", ['{"a": ' * 100_000, "[1]", '"a', "\udcff"])
def test_a_config_that_is_not_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ExportError, match="config.json is not"):
        read_json(tmp_path / "config.json")


def weights(**more: torch.Tensor) -> Weights:
    return checkpoints.llama(checkpoints.Random(1), SIZES) | {f"model.layers.{name}": values for name, values in more.items()}


@pytest.mark.parametrize(("name", "expected"), [
    ("1.self_attn.q_proj.lora_A.weight", "which this architecture does not read"),
    ("0.self_attn.o_proj.bias", "which this architecture does not read"),
    ("0.mlp.down_proj.weight_scale", "which this architecture does not read"),
    ("1.self_attn.k_proj.bias", "which this architecture does not read"),
    ("2.input_layernorm.weight", "but config.json has 2 layers"),
])
def test_tensors_that_nothing_reads_are_refused(tmp_path: Path, name: str, expected: str) -> None:
    checkpoints.save(tmp_path / "model.safetensors", weights(**{name: torch.ones(4)}))
    with pytest.raises(ExportError, match=f"model.layers.{name}.*{expected}"):
        Llama(Checkpoint(tmp_path), hugging_face(), read_sizes(CONFIG, PATH))


@pytest.mark.parametrize("name", ["0.self_attn.rotary_emb.inv_freq", "1.attention.rope.freqs"])
def test_rotary_tables_are_allowed(tmp_path: Path, name: str) -> None:
    checkpoints.save(tmp_path / "model.safetensors", weights(**{name: torch.ones(4)}))
    Llama(Checkpoint(tmp_path), hugging_face(), read_sizes(CONFIG, PATH))
