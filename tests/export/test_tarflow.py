"""TarFlow's graphs, compared with an independent computation in double precision, and the errors for checkpoints that do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.exports import assert_one_sentence, run_export
from harness.runner import Runner
from references import tarflow as reference
from sjdexport.safetensors import write_safetensors

WIDTH, BLOCKS, LAYERS, PATCH, SIDE, CLASSES = 128, 2, 2, 2, 8, 3
TOKENS, CHANNELS = (SIDE // PATCH) ** 2, 3 * PATCH**2
NAME = f"tiny_model_{PATCH}_{WIDTH}_{BLOCKS}_{LAYERS}_0.05.pth"
State = reference.State


@pytest.fixture(scope="module")
def state() -> State:
    return reference.random_state(WIDTH, BLOCKS, LAYERS, PATCH, SIDE, CLASSES)


class Block:
    """An exported block with its cache."""

    def __init__(self, runner: Runner, folder: Path, block: int) -> None:
        self._runner, self._session = runner, f"{folder}/{block}"
        runner.load(self._session, folder / f"flow.{block}.onnx")
        self._inputs, self._outputs = {}, {}
        for layer in range(LAYERS):
            for kind in ("key", "value"):
                buffer = f"{self._session}/{layer}/{kind}"
                runner.buffer(buffer, "float", [1, WIDTH // 64, TOKENS, 64])
                self._inputs[f"past.{layer}.{kind}"] = self._outputs[f"present.{layer}.{kind}"] = buffer

    def run(self, tokens: np.ndarray, label: int, first: int = 0, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        count = len(tokens)
        found = self._runner.run(
            self._session,
            {"tokens": tokens[None].astype(np.float32), "positions": np.arange(first, first + count), "class": np.array([label]),
             "inverse_temperature": np.float32([1 / temperature]), "seqlens_k": np.int32([first + count - 1]),
             "total_sequence_length": np.array(first + count, np.int32)},
            ["scale", "shift"], self._inputs, self._outputs)
        return found["scale"][0], found["shift"][0]


@pytest.fixture(scope="module")
def exported(state: State, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tarflow")
    torch.save(state, folder / NAME)
    done = run_export("--checkpoint", folder / NAME, "--out", folder / "model")
    assert done.returncode == 0, done.stderr
    return folder / "model"


@pytest.fixture(scope="module")
def blocks(exported: Path, runner: Runner) -> list[Block]:
    return [Block(runner, exported, block) for block in range(BLOCKS)]


def tokens_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (TOKENS, CHANNELS)).astype(np.float32)


def expected(state: State, block: int, tokens: np.ndarray, label: int | None, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    return tuple(part.numpy() for part in reference.parameters(state, block, torch.from_numpy(tokens), label, temperature))


def assert_equal(found: tuple[np.ndarray, np.ndarray], wanted: tuple[np.ndarray, np.ndarray]) -> None:
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(one, other, atol=2e-5)


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("label", [*range(CLASSES), None])
def test_a_pass_over_all_tokens_equals_the_reference(state: State, blocks: list[Block], block: int, label: int | None) -> None:
    tokens = tokens_of(block)
    assert_equal(blocks[block].run(tokens, CLASSES if label is None else label), expected(state, block, tokens, label))


@pytest.mark.parametrize("length", [1, 2, 4, 8])
def test_segments_with_a_cache_equal_one_pass(state: State, blocks: list[Block], length: int) -> None:
    tokens = tokens_of(5)
    parts = [blocks[1].run(tokens[first : first + length], 2, first) for first in range(0, TOKENS, length)]
    assert_equal(tuple(map(np.concatenate, zip(*parts))), expected(state, 1, tokens, 2))


def test_a_run_overwrites_the_rows_of_its_positions(state: State, blocks: list[Block]) -> None:
    tokens, other = tokens_of(6), tokens_of(7)
    blocks[0].run(other, 1)
    blocks[0].run(tokens[:8], 1)
    found = blocks[0].run(tokens[8:], 1, first=8)
    assert_equal(found, tuple(part[8:] for part in expected(state, 0, tokens, 1)))


def test_a_stale_cache_is_found(state: State, blocks: list[Block]) -> None:
    """The control of the tests above: rows of other tokens in the cache change the result."""
    tokens, other = tokens_of(6), tokens_of(7)
    blocks[0].run(other[:8], 1)
    found, _ = blocks[0].run(tokens[8:], 1, first=8)
    assert np.abs(found - expected(state, 0, tokens, 1)[0][8:]).max() > 1e-3


@pytest.mark.parametrize("temperature", [0.3, 1.5])
def test_the_temperature_divides_the_attention_logits(state: State, blocks: list[Block], temperature: float) -> None:
    tokens = tokens_of(8)
    found = blocks[1].run(tokens, CLASSES, temperature=temperature)
    assert_equal(found, expected(state, 1, tokens, None, temperature))
    assert np.abs(found[0] - expected(state, 1, tokens, None)[0]).max() > 1e-4


def test_an_unconditional_checkpoint_has_one_class(runner: Runner, tmp_path: Path) -> None:
    state = reference.random_state(WIDTH, 1, LAYERS, PATCH, SIDE, classes=0)
    torch.save(state, tmp_path / "any.pth")
    done = run_export("--checkpoint", tmp_path / "any.pth", "--out", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert (manifest["flow"]["classes"], manifest["flow"]["noise"]) == ([], None)
    tokens = tokens_of(9)
    assert_equal(Block(runner, tmp_path / "model", 0).run(tokens, 0), expected(state, 0, tokens, None))


def test_safetensors_give_the_same_model(state: State, exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    write_safetensors(folder / "model.safetensors", {name: tensor.numpy() for name, tensor in state.items()})
    (folder / "config.json").write_text(json.dumps({"noise": 0.05}))
    done = run_export("--checkpoint", folder, "--out", tmp_path / "model", "--name", "model")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model" / "model.json").read_text() == (exported / "model.json").read_text()


def test_the_manifest_has_sizes_names_and_norms(state: State, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    torch.save(state, folder / NAME)
    (folder / "config.json").write_text(json.dumps({"classes": ["a", "b", "c"]}))
    (folder / "generation.json").write_text(json.dumps({"name": "abc", "license": {"id": "MIT", "commercial": True, "notice": "None."}}))
    done = run_export("--checkpoint", folder, "--out", tmp_path / "model")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    flow = manifest["flow"]
    assert (manifest["kind"], manifest["name"], manifest["license"]["id"]) == ("flow", "abc", "MIT")
    assert {name: flow[name] for name in ("side", "patch", "layers", "heads", "headDim", "noise", "classes")} == {
        "side": SIDE, "patch": PATCH, "layers": LAYERS, "heads": WIDTH // 64, "headDim": 64, "noise": 0.05, "classes": ["a", "b", "c"]}
    assert [block["reverses"] for block in flow["blocks"]] == [False, True]
    scale, shift = state["blocks.1.proj_out.weight"].split(CHANNELS)
    assert flow["blocks"][1]["scaleNorm"] == pytest.approx(torch.linalg.svdvals(scale)[0].item(), rel=1e-5)
    assert flow["blocks"][1]["shiftNorm"] == pytest.approx(torch.linalg.svdvals(shift)[0].item(), rel=1e-5)


@pytest.mark.parametrize(("change", "parts"), [
    (lambda s: s.pop("blocks.1.attn_blocks.1.mlp.norm.bias"), ["blocks.1.attn_blocks.1.mlp.norm.bias", "expected shape [128]"]),
    (lambda s: s.update({"blocks.1.proj_out.weight": torch.zeros(CHANNELS, WIDTH)}),
     ["blocks.1.proj_out.weight has the shape [12, 128]", "expected [24, 128]"]),
    (lambda s: s.update({"blocks.0.pos_embed": torch.zeros(15, WIDTH)}), ["blocks.0.pos_embed has 15 rows", "square"]),
    (lambda s: s.update({"blocks.0.proj_in.weight": torch.zeros(WIDTH, 10)}), ["reads 10 numbers", "3 times a square"]),
    (lambda s: s.update({"blocks.0.proj_in.weight": torch.zeros(96, CHANNELS), "blocks.0.pos_embed": torch.zeros(16, 96),
                         "blocks.0.class_embed": torch.zeros(3, 1, 96)}), ["has 96 rows", "a multiple of 64"]),
    (lambda s: s.update({"var": torch.full((TOKENS, CHANNELS), 0.5)}), ["var has the value 0.5", "expected 1"]),
    (lambda s: s["blocks.0.proj_out.bias"].fill_(torch.nan), ["blocks.0.proj_out.bias", "not finite"]),
])
def test_a_checkpoint_that_does_not_fit_is_refused(
    state: State, tmp_path: Path, change: Callable[[State], object], parts: list[str]) -> None:
    changed = {name: tensor.clone() for name, tensor in state.items()}
    change(changed)
    torch.save(changed, tmp_path / "model.pth")
    assert_one_sentence(run_export("--checkpoint", tmp_path / "model.pth", "--out", tmp_path / "model"), parts)
    assert not (tmp_path / "model").exists()


def test_sizes_in_the_name_must_be_those_of_the_weights(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "tiny_model_2_128_4_2_0.05.pth")
    done = run_export("--checkpoint", tmp_path / "tiny_model_2_128_4_2_0.05.pth", "--out", tmp_path / "model")
    assert_one_sentence(done, ["is named 2_128_4_2", "those of 2_128_2_2"])


@pytest.mark.parametrize(("config", "parts"), [
    ({"classes": ["a", "b"]}, ["classes", "a list of 3 different names"]),
    ({"classes": ["a", "b", "b"]}, ["classes", "a list of 3 different names"]),
    ({"noise": 1.5}, ["noise is 1.5", "from 0 to below 1"]),
])
def test_a_config_that_does_not_fit_is_refused(state: State, tmp_path: Path, config: dict, parts: list[str]) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    torch.save(state, folder / "model.pth")
    (folder / "config.json").write_text(json.dumps(config))
    assert_one_sentence(run_export("--checkpoint", folder, "--out", tmp_path / "model"), parts)


def test_other_precisions_are_refused(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "model.pth")
    done = run_export("--checkpoint", tmp_path / "model.pth", "--out", tmp_path / "model", "--precision", "int8")
    assert_one_sentence(done, ["tarflow has no precision int8", "fp32"])


@pytest.mark.parametrize("label", [1, None])
def test_the_gradient_is_that_of_automatic_differentiation(
    state: State, exported: Path, runner: Runner, label: int | None) -> None:
    """The loss of one block is half the sum of the squared noise, weighted by a given vector, minus the log-determinant."""
    for block in range(BLOCKS):
        tokens, given = tokens_of(20 + block), tokens_of(30 + block)
        x = torch.from_numpy(tokens).double().requires_grad_()
        s, u = reference.parameters(state, block, x, label)
        s, u = (torch.cat([torch.zeros(1, CHANNELS), part[:-1]]) for part in (s, u))
        z = (x - u) * (-s).exp()
        ((z * torch.from_numpy(given)).sum() + s.sum()).backward()
        session = f"{exported}/{block}/gradient"
        runner.load(session, exported / f"flow.{block}.gradient.onnx")
        found = runner.run(
            session, {"tokens": tokens[None], "class": np.array([CLASSES if label is None else label]), "noise_gradient": given[None]},
            ["tokens_gradient"])["tokens_gradient"][0]
        np.testing.assert_allclose(found, x.grad.numpy(), atol=5e-5)
