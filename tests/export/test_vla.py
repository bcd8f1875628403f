"""Policies: tiny random checkpoints under the names of OpenVLA and LLaVA, against independent PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness import family_reference as llama
from harness.exports import assert_one_sentence, run_export
from harness.family_checkpoints import Random, Sizes, blocks, config, save, tokenizer_json, write_json
from harness.family_checkpoints import llama as random_llama
from harness.halves import assert_bf16_is_fp16_in_another_type
from harness.lanes import Lanes
from harness.runner import Runner
from references import vla
from sjdexport import contract
from sjdexport.systems import towers
from sjdexport.systems.vla import Vla

SIZES = Sizes(vocabulary=640, hidden=64, layers=2, heads=4, kv_heads=2, head_dim=16, inner=96)
SIDE, PATCH, WIDTH, HEADS, DEPTH, REGISTERS = 28, 14, 32, 2, 3, 4
PATCHES = (SIDE // PATCH) ** 2
STATISTICS = {"action": {"q01": [-1.0, -0.5, 0.0], "q99": [1.0, 0.5, 1.0], "mask": [True, True, False]}}
TOLERANCES = {"fp32": 1e-4, "int8": 0.2, "int8-blocks": 0.05, "int4": 0.6, "fp16": 0.03, "int4-fp16": 0.6, "int8-fp16": 0.05}


def openvla(folder: Path, **changes: Any) -> dict[str, torch.Tensor]:
    """Writes a checkpoint; returns its weights. The pooling head of SigLIP is there too, which nothing reads."""
    random = Random(5)
    w = language(random)
    for part, registers in (("featurizer", True), ("fused_featurizer", False)):
        prefix = f"vision_backbone.{part}."
        w |= {
            f"{prefix}patch_embed.proj.weight": random.normal(WIDTH, 3, PATCH, PATCH) * 0.05,
            f"{prefix}patch_embed.proj.bias": random.beta(WIDTH), f"{prefix}pos_embed": random.normal(1, PATCHES, WIDTH),
            f"{prefix}norm.weight": random.gamma(WIDTH), f"{prefix}norm.bias": random.beta(WIDTH)}
        if registers:
            w |= {f"{prefix}cls_token": random.normal(1, 1, WIDTH), f"{prefix}reg_token": random.normal(1, REGISTERS, WIDTH)}
        else:
            w[f"{prefix}attn_pool.latent"] = random.normal(1, 1, WIDTH)
        for i in range(DEPTH):
            block = linear(random, "attn.qkv", 3 * WIDTH, WIDTH) | linear(random, "attn.proj", WIDTH, WIDTH)
            block |= linear(random, "mlp.fc1", 3 * WIDTH, WIDTH) | linear(random, "mlp.fc2", WIDTH, 3 * WIDTH)
            for norm in ("norm1", "norm2"):
                block |= {f"{norm}.weight": random.gamma(WIDTH), f"{norm}.bias": random.beta(WIDTH)}
            if registers:
                block |= {f"ls{n}.scale_factor": random.gamma(WIDTH) for n in (1, 2)}
            w |= {f"{prefix}blocks.{i}.{name}": values for name, values in block.items()}
    w |= linear(random, "projector.fc1", 8 * WIDTH, 2 * WIDTH) | linear(random, "projector.fc2", SIZES.hidden, 8 * WIDTH)
    w |= linear(random, "projector.fc3", SIZES.hidden, SIZES.hidden)
    write(folder, w, {
        "model_type": "openvla", "timm_model_ids": ["vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224"],
        "image_sizes": [SIDE, SIDE], "norm_stats": {"table": STATISTICS}, "pad_to_multiple_of": 64, "n_action_bins": 256,
        "sjdonnx": {"vision_heads": [HEADS, HEADS]}, **changes})
    return w


def llava(folder: Path) -> dict[str, torch.Tensor]:
    random = Random(6)
    w, prefix = language(random), "vision_tower.vision_model."
    w |= {
        f"{prefix}embeddings.class_embedding": random.normal(WIDTH), f"{prefix}embeddings.patch_embedding.weight":
            random.normal(WIDTH, 3, PATCH, PATCH) * 0.05,
        f"{prefix}embeddings.position_embedding.weight": random.normal(PATCHES + 1, WIDTH)}
    for norm in ("pre_layrnorm", "post_layernorm"):
        w |= {f"{prefix}{norm}.weight": random.gamma(WIDTH), f"{prefix}{norm}.bias": random.beta(WIDTH)}
    for i in range(DEPTH):
        block = {name: values for each in ("q_proj", "k_proj", "v_proj", "out_proj")
                 for name, values in linear(random, f"self_attn.{each}", WIDTH, WIDTH).items()}
        block |= linear(random, "mlp.fc1", 3 * WIDTH, WIDTH) | linear(random, "mlp.fc2", WIDTH, 3 * WIDTH)
        for norm in ("layer_norm1", "layer_norm2"):
            block |= {f"{norm}.weight": random.gamma(WIDTH), f"{norm}.bias": random.beta(WIDTH)}
        w |= {f"{prefix}encoder.layers.{i}.{name}": values for name, values in block.items()}
    w |= linear(random, "multi_modal_projector.linear_1", SIZES.hidden, WIDTH)
    w |= linear(random, "multi_modal_projector.linear_2", SIZES.hidden, SIZES.hidden)
    write(folder, w, {
        "model_type": "llava", "vision_config": {"num_attention_heads": HEADS, "image_size": SIDE, "patch_size": PATCH},
        "norm_stats": {"calvin": STATISTICS}})
    return w


def language(random: Random) -> dict[str, torch.Tensor]:
    w = random_llama(random, SIZES, prefix="language_model.model.")
    return w | {"language_model.lm_head.weight": random.matrix(SIZES.vocabulary, SIZES.hidden)}


def linear(random: Random, name: str, rows: int, columns: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": random.matrix(rows, columns), f"{name}.bias": random.beta(rows)}


def write(folder: Path, w: dict[str, torch.Tensor], document: dict[str, Any]) -> None:
    save(folder / "model.safetensors", w)
    write_json(folder / "config.json", {"text_config": config(SIZES, max_position_embeddings=128), **document})
    write_json(folder / "tokenizer.json", tokenizer_json([]))


def expected_patches(kind: str, w: dict[str, torch.Tensor], pixels: np.ndarray) -> torch.Tensor:
    picture = torch.from_numpy(pixels[0]).permute(2, 0, 1).double() / 255
    if kind == "llava":
        return vla.project(w, ["multi_modal_projector.linear_1", "multi_modal_projector.linear_2"], vla.clip_tower(w, picture, HEADS))
    dino, siglip = (
        vla.timm_tower(w, f"vision_backbone.{part}.", picture, HEADS, *(list(each) for each in normalization))
        for part, normalization in (("featurizer", towers.IMAGENET), ("fused_featurizer", towers.HALF)))
    return vla.project(w, ["projector.fc1", "projector.fc2", "projector.fc3"], torch.cat([dino, siglip], dim=1))


@pytest.mark.parametrize("kind", ["openvla", "llava"])
def test_a_policys_graphs_give_the_numbers_of_pytorch(kind: str, runner: Runner, tmp_path: Path) -> None:
    w = {"openvla": openvla, "llava": llava}[kind](tmp_path / "checkpoint")
    done = run_export("--checkpoint", tmp_path / "checkpoint", "--out", tmp_path / "model", "--precision", ",".join(TOLERANCES))
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert manifest["kind"] == "policy"

    pixels = np.random.default_rng(1).integers(0, 256, (1, SIDE, SIDE, 3)).astype(np.uint8)
    session = f"{tmp_path}/vision"
    runner.load(session, tmp_path / "model" / "policy.vision.onnx")
    patches = runner.run(session, {"pixels": pixels}, ["patches"])["patches"]
    reference = expected_patches(kind, w, pixels)
    assert np.abs(patches - reference.numpy()).max() < 1e-4 * reference.abs().max()

    prompt = [1, *range(SIZES.vocabulary, SIZES.vocabulary + PATCHES), 40, 50, 60]
    rest = [600, 580, 555]
    table = torch.cat([w["language_model.model.embed_tokens.weight"], torch.from_numpy(patches).double()])
    states = llama.decode(
        table[prompt + rest], blocks(w, SIZES, "language_model.model."), SIZES.heads, SIZES.kv_heads, 1e-5, llama.half_split(10000.0))
    expected = llama.rms_norm(states, w["language_model.model.norm.weight"], 1e-5) @ w["language_model.lm_head.weight"].T
    always = {contract.CONDITION: patches, contract.POSITION_OFFSET: np.zeros(1, np.int64)}
    for precision, tolerance in TOLERANCES.items():
        graph = f"{tmp_path}/{precision}"
        runner.load(graph, tmp_path / "model" / f"policy.{precision}.onnx")
        lanes = Lanes(runner, graph, {"transformer": {**manifest["transformer"], "lanes": 1}}, precision, inputs=always)
        logits = np.concatenate([lanes.run([prompt]), lanes.run([rest])])
        error = np.sqrt(np.square(logits - expected.numpy()).mean() / np.square(expected.numpy()).mean())
        assert error < tolerance, (precision, error)
        if precision == "fp32":  # the prompt's keys stay, whatever is read after them
            lanes.truncate([len(prompt)])
            lanes.run([[3, 4, 5]])
            lanes.truncate([len(prompt)])
            assert np.array_equal(lanes.run([rest]), logits[len(prompt) :])


def test_every_precision_of_policies_is_tried() -> None:
    assert {*TOLERANCES, "bf16"} == set(Vla.precisions)


def test_a_policys_bf16_graph_is_the_fp16_graph_in_another_type(tmp_path: Path) -> None:
    openvla(tmp_path / "checkpoint")
    done = run_export("--checkpoint", tmp_path / "checkpoint", "--out", tmp_path / "model", "--precision", "fp16,bf16")
    assert done.returncode == 0, done.stderr
    assert_bf16_is_fp16_in_another_type(tmp_path / "model" / "policy.fp16.onnx", tmp_path / "model" / "policy.bf16.onnx")


@pytest.mark.parametrize(
    ("changes", "arguments", "expected"),
    [
        ({"norm_stats": {}}, [], ["has no norm_stats"]),
        ({"norm_stats": {"a": STATISTICS, "b": STATISTICS}}, [], ["2 data sets", "--unnorm-key", "a, b"]),
        ({}, ["--unnorm-key", "robot"], ["--unnorm-key is 'robot'", "table"]),
        ({"norm_stats": {"a": {"action": {"q01": [0.0], "q99": [0.0]}}}}, [], ["q01 0.0 and q99 0.0", "expected q01 < q99"]),
        ({"norm_stats": {"a": {"action": {"q01": [0.0], "q99": ["x"]}}}}, [], ["norm_stats.a.action.q99", "finite numbers"]),
        ({"n_action_bins": 128}, [], ["n_action_bins is 128", "expected 256"]),
        ({"timm_model_ids": ["vit_a", "vit_b"]}, [], ["'vit_a'", "other vision transformers are not read"]),
        ({"image_sizes": [30, 30]}, [], ["patches of 14 x 14 pixels", "30 pixels"]),
        ({"pad_to_multiple_of": 600}, [], ["pad_to_multiple_of is 600"]),
        ({}, ["--gripper", "claw"], ["'claw'", "none or libero"]),
        ({}, ["--chunk", "0"], ["--chunk", "is 0"]),
        ({}, ["--precision", "fp64"], ["fp64"]),
    ],
)
def test_a_policy_that_cannot_be_exported_ends_in_a_sentence(changes, arguments, expected, tmp_path: Path) -> None:
    openvla(tmp_path / "checkpoint", **changes)
    done = run_export("--checkpoint", tmp_path / "checkpoint", "--out", tmp_path / "model", *(arguments or ["--precision", "fp32"]))
    assert_one_sentence(done, expected)
    assert not (tmp_path / "model").exists()


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    w = openvla(tmp_path / "checkpoint")
    del w["vision_backbone.featurizer.blocks.1.mlp.fc2.bias"]
    save(tmp_path / "checkpoint" / "model.safetensors", w)
    done = run_export("--checkpoint", tmp_path / "checkpoint", "--out", tmp_path / "model")
    assert_one_sentence(done, ["vision_backbone.featurizer.blocks.1.mlp.fc2.bias"])


def test_statistics_and_options_reach_model_json(tmp_path: Path) -> None:
    openvla(tmp_path / "checkpoint", norm_stats={"a": STATISTICS, "b": {"action": {"q01": [0.0], "q99": [2.0]}}})
    done = run_export(
        "--checkpoint", tmp_path / "checkpoint", "--out", tmp_path / "model", "--unnorm-key", "b", "--chunk", 3, "--gripper", "libero")
    assert done.returncode == 0, done.stderr
    actions = json.loads((tmp_path / "model" / "model.json").read_text())["actions"]
    assert actions == {
        "dataset": "b", "chunk": 3, "end": 2, "endOfBins": 576, "bins": 256, "low": [0.0], "high": [2.0], "mask": [True],
        "gripper": "libero"}
