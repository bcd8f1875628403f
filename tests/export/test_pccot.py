"""PCCoT's export against PyTorch: iterates, keys and values, answers; merging of adapters; what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness import thought_checkpoints as tiny
from harness.exports import assert_one_sentence, run_export
from harness.runner import Runner
from harness.thought_graph import Graph
from references.pccot import Model
from sjdexport.adapters import Merged
from sjdexport.checkpoint import Checkpoint
from sjdexport.systems.pccot import leading_ids

QUESTION = [3, 17, 5, 5, 30, 8]
TOLERANCE = {"rtol": 0, "atol": 2e-4}


def whole(folder: Path, config: Mapping[str, Any]) -> tuple[list[object], Model]:
    tensors = tiny.weights(config)
    return ["--checkpoint", tiny.write(folder / "checkpoint", config, tensors)], Model(config, tensors)


def with_head(folder: Path, config: Mapping[str, Any]) -> tuple[list[object], Model]:
    config = {**config, "tie_word_embeddings": False}
    tensors = tiny.weights(config)
    embedding = next(values for name, values in tensors.items() if values.shape[0] == tiny.VOCABULARY)
    tensors["lm_head.weight"] = np.random.default_rng(5).normal(0, 1, embedding.shape).astype(np.float32)
    return ["--checkpoint", tiny.write(folder / "checkpoint", config, tensors)], Model(config, tensors)


def adapted(folder: Path, config: Mapping[str, Any]) -> tuple[list[object], Model]:
    """A base model as it is published, without the prefix of GPT-2 and with the causal mask in it, and the adapter."""
    base, (factors, document) = tiny.weights(config, rows=tiny.BASE), tiny.adapter(config)
    stored = {name.removeprefix("transformer."): values for name, values in base.items()}
    if "gpt2" in config["model_type"]:
        stored["h.0.attn.bias"] = np.tril(np.ones((1, 1, 8, 8), np.float32))
    tiny.write(folder / "base", {"model_type": "gpt2"}, stored, pccot_args=None)
    tiny.write(folder / "adapter", config, factors, "adapter_model.safetensors", adapter_config=document)

    prefix = "base_model.model."
    pairs = {
        f"{name.removeprefix(prefix).removesuffix('.lora_A.weight')}.weight": (values, factors[name.replace("lora_A", "lora_B")])
        for name, values in factors.items() if "lora_A" in name}
    (key, rows), = ((name, values) for name, values in factors.items() if name.endswith("trainable_tokens_delta"))
    embedding = key.removeprefix(prefix).replace(".token_adapter.trainable_tokens_delta", ".weight")
    table = np.concatenate([base[embedding], np.zeros((tiny.ADDED, base[embedding].shape[1]), np.float32)])
    table[next(iter(document["trainable_token_indices"].values()))] = rows
    return ["--checkpoint", folder / "adapter", "--base", folder / "base"], Model(
        config, {**base, embedding: table}, pairs, tiny.ALPHA / tiny.RANK)


SHAPES: dict[str, tuple[Callable[..., tuple[list[object], Model]], Mapping[str, Any]]] = {
    "gpt2": (whole, tiny.GPT2),
    "gpt2 with a projection and one iteration": (whole, {**tiny.GPT2, "use_projection": True, "num_iterations": 1}),
    "gpt2 with a head of its own": (with_head, tiny.GPT2),
    "gpt2 without iterations": (whole, {**tiny.GPT2, "num_iterations": 0}),
    "gpt2's adapter": (adapted, tiny.GPT2),
    "llama": (whole, tiny.LLAMA),
    "llama with plain rotary positions": (whole, {**tiny.LLAMA, "rope_scaling": None}),
    "llama with a projection": (whole, {**tiny.LLAMA, "use_projection": True}),
    "llama's adapter": (adapted, tiny.LLAMA),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_whole_inference_is_that_of_pytorch(shape: str, tmp_path: Path, runner: Runner) -> None:
    make, config = SHAPES[shape]
    arguments, reference = make(tmp_path, config)
    done = run_export(*arguments, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    graph = Graph(tmp_path / "out", runner)
    iterations = graph.thought["iterations"]
    assert iterations == config["num_iterations"]

    expected, expected_cache = reference.think(QUESTION, tiny.ARGUMENTS, iterations)
    iterates, cache = graph.think(QUESTION, iterations)
    for own, aim in zip(iterates, expected, strict=True):
        np.testing.assert_allclose(own, aim, **TOLERANCE)
    for own, aim in zip(cache, [rows for pair in expected_cache for rows in pair], strict=True):
        np.testing.assert_allclose(own[0], aim, **TOLERANCE)
    prompt = [graph.thought["end"], 11, 12]
    answer, logits = graph.answer(cache, prompt, most=6)
    expected_answer, expected_logits = reference.answer(expected_cache, prompt, graph.thought["stop"], most=6)
    assert answer == expected_answer
    np.testing.assert_allclose(logits, torch.stack(expected_logits), rtol=0, atol=1e-3)


def test_an_iterate_of_another_pass_is_noticed(tmp_path: Path, runner: Runner) -> None:
    """The negative control of the test above: one iteration more gives other thoughts, and the cache of the pass before is another."""
    arguments, reference = whole(tmp_path, tiny.GPT2)
    run_export(*arguments, "--out", tmp_path / "out")
    graph = Graph(tmp_path / "out", runner)
    expected, expected_cache = reference.think(QUESTION, tiny.ARGUMENTS, 3)
    iterates, cache = graph.think(QUESTION, 2)
    assert np.abs(iterates[-1] - expected[-1].numpy()).max() > 0.01
    assert np.abs(cache[-1][0] - expected_cache[-1][1].numpy()).max() > 0.01
    np.testing.assert_allclose(iterates[-1], expected[2], **TOLERANCE)


@pytest.mark.parametrize("transposed", [False, True])
def test_merging_adds_the_scaled_product_of_the_factors(transposed: bool, tmp_path: Path) -> None:
    matrix, first, second = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[1, 0, 2]]), np.array([[10], [20]])
    stored = matrix.T if transposed else matrix
    base = tiny.write(tmp_path / "base", {}, {"h.c.weight": stored.astype(np.float32)})
    factors = {"base_model.model.h.c.lora_A.weight": first, "base_model.model.h.c.lora_B.weight": second}
    adapter = tiny.write(tmp_path / "adapter", {}, {name: each.astype(np.float32) for name, each in factors.items()})
    config = {"peft_type": "LORA", "r": 1, "lora_alpha": 0.5, "fan_in_fan_out": transposed}
    merged = Merged(Checkpoint(base), Checkpoint(adapter), config).tensor("h.c.weight", *stored.shape).float32()
    expected = matrix + 0.5 * np.array([[10, 0, 20], [20, 0, 40]])
    np.testing.assert_array_equal(merged, expected.T if transposed else expected)


def test_rank_stabilized_factors_are_divided_by_the_root_of_the_rank(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(4, 3)).astype(np.float32), random.normal(size=(2, 4)).astype(np.float32)
    base = tiny.write(tmp_path / "base", {}, {"c.weight": np.zeros((2, 3), np.float32)})
    adapter = tiny.write(
        tmp_path / "adapter", {}, {"base_model.model.c.lora_A.weight": first, "base_model.model.c.lora_B.weight": second})
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 6, "use_rslora": True}
    merged = Merged(Checkpoint(base), Checkpoint(adapter), config).tensor("c.weight", 2, 3).float32()
    np.testing.assert_allclose(merged, 6 / 2 * second @ first, rtol=1e-5)


def test_the_whole_embedding_in_an_adapter_replaces_the_base_models(tmp_path: Path) -> None:
    """PEFT stores it when the vocabulary was extended; trained rows still come on top."""
    base = tiny.write(tmp_path / "base", {}, {"wte.weight": np.zeros((3, 2), np.float32)})
    adapter = tiny.write(tmp_path / "adapter", {}, {
        "base_model.model.transformer.wte.token_adapter.base_layer.weight": np.full((5, 2), 1, np.float32),
        "base_model.model.transformer.wte.original_module.weight": np.full((5, 2), 2, np.float32),
        "base_model.model.transformer.wte.token_adapter.trainable_tokens_delta": np.full((1, 2), 3, np.float32)})
    config = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "trainable_token_indices": {"wte": [4]}}
    table = Merged(Checkpoint(base), Checkpoint(adapter), config).tensor("wte.weight", 5, 2).float32()
    np.testing.assert_array_equal(table[:, 0], [1, 1, 1, 1, 3])


def test_specials_before_a_text_are_read_from_the_tokenizer(tmp_path: Path) -> None:
    bos = {"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    template = {
        "type": "TemplateProcessing", "single": [bos, text],
        "special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [128000], "tokens": ["<|begin_of_text|>"]}}}
    path = tmp_path / "tokenizer.json"
    for processor, expected in (
            (None, []), ({"type": "ByteLevel"}, []), (template, [128000]),
            ({"type": "Sequence", "processors": [{"type": "ByteLevel"}, template]}, [128000])):
        path.write_text(json.dumps({"post_processor": processor}))
        assert leading_ids(path) == expected


def test_the_end_of_an_answer_and_the_prompt_are_in_the_manifest(tmp_path: Path) -> None:
    arguments, _ = whole(tmp_path, tiny.LLAMA)
    assert run_export(*arguments, "--out", tmp_path / "out").returncode == 0
    thought = json.loads((tmp_path / "out" / "model.json").read_text())["thought"]
    assert (thought["stop"], thought["answerPrompt"], thought["latents"]) == (tiny.LLAMA["eos_token_id"], "AB:", 5)
    assert (thought["begin"], thought["end"], thought["latent"]) == (tiny.BASE, tiny.BASE + 1, tiny.BASE + 2)


BAD_CONFIGS = {
    "negative iterations": ({"num_iterations": -1}, ["num_iterations is -1", "0 or more"]),
    "iterations that are no number": ({"num_iterations": "three"}, ["num_iterations is 'three'"]),
    "another architecture": ({"model_type": "pccot-mamba"}, ["'pccot-mamba'", "pccot-gpt2 or pccot-llama"]),
    "more layers": ({"n_layer": 3}, ["h.2.ln_1.weight"]),
    "fewer layers": ({"n_layer": 1}, ["h.1.", "1 layers"]),
    "another activation": ({"activation_function": "relu"}, ['activation_function "relu"', '"gelu_new"']),
    "no end": ({"eos_token_id": None}, ["eos_token_id is None"]),
    "heads that do not divide": ({"n_head": 5}, ["n_embd 24", "n_head 5"]),
    "another vocabulary": ({"vocab_size": 99}, ["wte.weight", "[44, 24]", "[99, 24]"]),
    "a projection that is not there": ({"use_projection": True}, ["prj.0.weight"]),
}


@pytest.mark.parametrize("case", BAD_CONFIGS)
def test_a_config_that_does_not_fit_is_refused(case: str, tmp_path: Path) -> None:
    changes, expected = BAD_CONFIGS[case]
    checkpoint = tiny.write(tmp_path / "checkpoint", {**tiny.GPT2, **changes}, tiny.weights(tiny.GPT2))
    assert_one_sentence(run_export("--checkpoint", checkpoint, "--out", tmp_path / "out"), expected)
    assert not (tmp_path / "out" / "model.json").exists()


def test_other_precisions_are_refused(tmp_path: Path) -> None:
    arguments, _ = whole(tmp_path, tiny.GPT2)
    done = run_export(*arguments, "--out", tmp_path / "model", "--precision", "int8")
    assert_one_sentence(done, ["pccot has no precision int8", "expected fp32"])


def test_other_rotary_positions_are_refused(tmp_path: Path) -> None:
    config = {**tiny.LLAMA, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}}
    checkpoint = tiny.write(tmp_path / "checkpoint", config, tiny.weights(config))
    assert_one_sentence(run_export("--checkpoint", checkpoint, "--out", tmp_path / "out"), ["'yarn'", "default or llama3"])


BAD_ADAPTERS = {
    "dora": (lambda tensors, document: document.update(use_dora=True), ["use_dora True"]),
    "another method": (lambda tensors, document: document.update(peft_type="IA3"), ["peft_type 'IA3'", "'LORA'"]),
    "another rank": (lambda tensors, document: document.update(r=8), ["lora_A.weight", "[4, 24]", "[8, 24]"]),
    "no scale": (lambda tensors, document: document.update(lora_alpha=None), ["lora_alpha is missing"]),
    "too few rows": (
        lambda tensors, document: document.update(trainable_token_indices={"wte": [40, 41]}), ["trainable_tokens_delta", "[5, 24]"]),
    "a matrix that the base does not have": (
        lambda tensors, document: tensors.update({
            f"base_model.model.transformer.h.9.c.lora_{part}.weight": np.ones((4, 4), np.float32) for part in "AB"}),
        ["transformer.h.9.c.weight", "--base"]),
    "a factor without the other": (
        lambda tensors, document: tensors.pop("base_model.model.transformer.h.0.mlp.c_fc.lora_B.weight"), ["c_fc.lora_B.weight"]),
}


@pytest.mark.parametrize("case", BAD_ADAPTERS)
def test_an_adapter_that_cannot_be_merged_is_refused(case: str, tmp_path: Path) -> None:
    change, expected = BAD_ADAPTERS[case]
    tensors, document = tiny.adapter(tiny.GPT2)
    change(tensors, document)
    base = tiny.write(tmp_path / "base", {}, tiny.weights(tiny.GPT2, rows=tiny.BASE))
    adapter = tiny.write(tmp_path / "adapter", tiny.GPT2, tensors, "adapter_model.safetensors", adapter_config=document)
    assert_one_sentence(run_export("--checkpoint", adapter, "--base", base, "--out", tmp_path / "out"), expected)


def test_an_adapter_without_its_base_model_is_refused(tmp_path: Path) -> None:
    tensors, document = tiny.adapter(tiny.GPT2)
    adapter = tiny.write(tmp_path / "adapter", tiny.GPT2, tensors, "adapter_model.safetensors", adapter_config=document)
    assert_one_sentence(run_export("--checkpoint", adapter, "--out", tmp_path / "out"), ["'tiny'", "--base"])


def test_a_base_without_an_adapter_is_refused(tmp_path: Path) -> None:
    arguments, _ = whole(tmp_path, tiny.GPT2)
    assert_one_sentence(run_export(*arguments, "--base", tmp_path, "--out", tmp_path / "out"), ["adapter_config.json", "remove --base"])


def test_vocabulary_that_nobody_trained_is_refused(tmp_path: Path) -> None:
    tensors, document = tiny.adapter(tiny.GPT2)
    base = tiny.write(tmp_path / "base", {}, tiny.weights(tiny.GPT2, rows=tiny.BASE - 2))
    adapter = tiny.write(tmp_path / "adapter", tiny.GPT2, tensors, "adapter_model.safetensors", adapter_config=document)
    assert_one_sentence(run_export("--checkpoint", adapter, "--base", base, "--out", tmp_path / "out"), ["38 rows", "trained row 38"])
