"""SJD2's noisy embeddings in the transformer's graphs, compared with an independent computation in double precision."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from harness import chameleon_reference as reference
from harness import tiny
from harness.edits import edit, rewrite
from harness.exports import PRECISIONS, Model, assert_one_sentence, run_export, start_export
from harness.lanes import Lanes, Noise
from harness.runner import Runner
from sjdexport import contract
from sjdexport.checkpoint import Checkpoint
from sjdexport.denoising import Denoising, frequencies
from sjdexport.graph import FLOAT, Graph
from sjdexport.safetensors import write_safetensors
from sjdexport.weights import Weights
from training.sjd2 import noise as training_noise

PROMPTS = ([0, 50, 60, 70, 80, 39, 37], [0, 39, 37])  # lanes of different lengths
FIRST_CODE, CODES, ROW_END = 4, 32, 38
NEW = ([9, 20, 31, 12, ROW_END, 5, 5, 28, 17], [22, 7, ROW_END, 30, 11])
LEVELS = np.array([0, 0.125, 0, 0.5, 0, 0.75, 1, 0, 1, 0, 0.25, 0, 0.625, 1])  # of the new tokens of both lanes
HIDDEN = tiny.TINY.hidden


def exported(folder: Path, runner: Runner, precisions: tuple[str, ...] = PRECISIONS) -> Model:
    done = start_export("--checkpoint", folder, "--out", folder, "--precision", ",".join(precisions), "--pictures", "2")
    assert done.returncode == 0, done.stderr
    return Model(folder, runner)


@pytest.fixture(scope="module")
def noisy(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The same weights as `model`, with the additions of SJD2."""
    folder = tmp_path_factory.mktemp("noisy")
    tiny.write_checkpoint(folder, denoising=True)
    return exported(folder, runner)


@pytest.fixture
def denoising_checkpoint(tmp_path: Path) -> Path:
    """A checkpoint that a test may spoil."""
    tiny.write_checkpoint(tmp_path / "checkpoint", denoising=True)
    return tmp_path / "checkpoint"


def noise_at(levels: np.ndarray, seed: int = 3, before: np.ndarray | None = None) -> Noise:
    """Embeddings and steps for rows at these levels. The steps of rows at level 0 are zero."""
    random = np.random.default_rng(seed)
    factors = random.uniform(0.1, 1, (len(levels), 2)) * (levels > 0)[:, None]
    before = random.normal(0, 1, (len(levels), HIDDEN)) if before is None else before
    return before.astype(np.float32), np.column_stack([factors, levels]).astype(np.float32)


def expected(model: Model, new: tuple[list[int], ...], noise: Noise) -> tuple[np.ndarray, np.ndarray]:
    """The reference's logits and normalized embeddings of the new tokens of all lanes."""
    logits, normalized, start = [], [], 0
    for prompt, ids in zip(PROMPTS, new):
        before, steps = (part[start : start + len(ids)].astype(np.float64) for part in noise)
        normalized.append(reference.denoised(model.weights, ids, before, keep=steps[:, 0], add=steps[:, 1]))
        read = reference.read_at_levels(model.weights, ids, normalized[-1], level=steps[:, 2])
        sequence = np.concatenate([model.weights["model.embed_tokens.weight"][prompt], read])
        logits.append(reference.logits_of_embeddings(model.weights, model.config, sequence)[len(prompt) :, FIRST_CODE : FIRST_CODE + CODES])
        start += len(ids)
    return np.concatenate(logits), np.concatenate(normalized)


def prefilled(lanes: Lanes) -> Lanes:
    """The lanes after a run without noise, with a single row of zeros for all rows."""
    lanes.run(PROMPTS)
    return lanes


def test_a_clean_prompt_gives_the_logits_of_the_reference(noisy: Model) -> None:
    want = [reference.logits(noisy.weights, noisy.config, prompt)[:, FIRST_CODE : FIRST_CODE + CODES] for prompt in PROMPTS]
    lanes = noisy.lanes()
    assert np.abs(lanes.run(PROMPTS) - np.concatenate(want)).max() < 1e-4
    assert not lanes.denoised.any() and lanes.denoised.shape == (10, HIDDEN)


def test_clean_and_noisy_rows_match_the_reference(noisy: Model) -> None:
    lanes, noise = prefilled(noisy.lanes()), noise_at(LEVELS)
    got = lanes.run(NEW, noise=noise)
    logits, normalized = expected(noisy, NEW, noise)
    assert np.abs(got - logits).max() < 1e-4
    assert np.abs(lanes.denoised - normalized).max() < 1e-4
    clean, _ = expected(noisy, NEW, noise_at(0 * LEVELS))
    assert np.abs(clean - logits)[LEVELS > 0].max(axis=1).min() > 0.1  # else the noise would not show


def test_each_pass_continues_from_the_embeddings_of_the_previous_one(noisy: Model) -> None:
    """With other drafts and lower levels in each pass, until all rows are clean."""
    lanes = prefilled(noisy.lanes())
    start, random = list(lanes.lengths), np.random.default_rng(4)
    noise = noise_at(LEVELS)
    want = noise[0].astype(np.float64)
    for share in (1, 0.5, 0.125, 0):
        drafts = tuple(random.integers(FIRST_CODE, FIRST_CODE + CODES, len(ids)).tolist() for ids in NEW)
        noise = noise_at(share * LEVELS, seed=5, before=noise[0])
        lanes.truncate(start)
        got = lanes.run(drafts, noise=noise)
        logits, want = expected(noisy, drafts, (want, noise[1]))
        assert np.abs(got - logits).max() < 1e-4
        assert np.abs(lanes.denoised - want).max() < 1e-4
        noise = lanes.denoised, noise[1]


@pytest.mark.parametrize(("precision", "relative_error"), [("fp16", 0.005), ("int8", 0.05)])
def test_coarser_precisions_stay_near_the_reference(noisy: Model, precision: str, relative_error: float) -> None:
    lanes, noise = prefilled(noisy.lanes(precision)), noise_at(LEVELS)
    logits, normalized = expected(noisy, NEW, noise)
    error = (lanes.run(NEW, noise=noise) - logits)[LEVELS > 0]
    assert np.sqrt((error**2).mean()) < relative_error * logits.std()
    assert np.abs(lanes.denoised - normalized).max() < 1e-4  # always in single precision


# Steps for clean rows: one row for all, or a row for each, with any previous embeddings and factors.
CLEAN: dict[str, Callable[[int], Noise | None]] = {
    "one row of zeros": lambda rows: None,
    "rows of zeros": lambda rows: (np.zeros((rows, HIDDEN)), np.zeros((rows, 3))),
    "rows of level 0": lambda rows: (np.full((rows, HIDDEN), 1e6), np.tile([0.5, 2.0, 0.0], (rows, 1))),
}


# ONNX Runtime has no half-precision MatMul on the CPU. It computes MatMul and some neighboring nodes in single precision. Which nodes these
# are depends on the graph: the first norm is one of them in a graph that reads noise, but not in a graph that does not. So its output is
# rounded to half precision (by 2^-11 of itself) in only one of the graphs. Logits with a deviation of 2.1 differed by 0.0068 at most, about
# as much as fp16 differs from fp32 there (0.0059).
FP16_TOLERANCE = 0.01


def assert_same(got: np.ndarray, want: np.ndarray, precision: str) -> None:
    """Asserts equal bits, except for fp16."""
    np.testing.assert_allclose(got, want, rtol=0, atol=FP16_TOLERANCE if precision == "fp16" else 0)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("clean", CLEAN)
def test_clean_rows_are_bit_identical_to_those_of_a_model_without_noise(noisy: Model, model: Model, precision: str, clean: str) -> None:
    """In chains, trees and batches of two pictures."""
    noise = CLEAN[clean]
    chain, other = noisy.lanes(precision), model.lanes(precision)
    for tokens in (PROMPTS, NEW, ([6], [7])):
        assert_same(chain.run(tokens, noise=noise(sum(map(len, tokens)))), other.run(tokens), precision)

    tree, other = noisy.tree(precision), model.tree(precision)
    for tokens, parents in (
        (PROMPTS, [list(range(-1, len(prompt) - 1)) for prompt in PROMPTS]), ([[9, 20, 31, 12, 5]] * 2, [[-1, 0, 1, 1, 3]] * 2)):
        assert_same(tree.run_tree(tokens, parents, noise=noise(sum(map(len, tokens)))), other.run_tree(tokens, parents), precision)

    batch, other = noisy.batch(precision, 2), model.batch(precision, 2)
    for tokens in ([*PROMPTS, *PROMPTS], [*NEW, [8], [8]]):
        assert_same(batch.run(tokens, noise=noise(sum(map(len, tokens)))), other.run(tokens), precision)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_all_nodes_after_the_embeddings_are_those_of_a_model_without_noise(noisy: Model, model: Model, precision: str) -> None:
    """The graphs have the same nodes with the same weights, so results are the same on every provider."""
    nodes = []
    for folder in (noisy.folder, model.folder):
        graph = onnx.load(folder / contract.transformer_graph(precision), load_external_data=False).graph
        names = {tensor.name: tensor.raw_data for tensor in graph.initializer if tensor.raw_data} | {"denoising.rows": "embedding"}
        if any(node.name == "embedding.cast" for node in graph.node):
            names["denoising.rows"] = "embedding.cast"
        nodes.append([
            (node.op_type, [names.get(name, name) for name in node.input], list(node.output), sorted(map(str, node.attribute)))
            for node in graph.node if not node.name.startswith("denoising.") and node.name != contract.DENOISED_EMBEDDINGS])
    assert nodes[0] == nodes[1]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_clean_rows_are_read_as_the_embeddings_of_their_ids(noisy: Model, runner: Runner, precision: str) -> None:
    """With equal bits at every precision."""
    graph = onnx.load(noisy.folder / contract.transformer_graph(precision), load_external_data=False)
    type = onnx.TensorProto.FLOAT16 if noisy.manifest["transformer"]["precisions"][precision]["cache"] == "float16" else FLOAT
    graph.graph.output.append(onnx.helper.make_tensor_value_info("denoising.rows", type, [1, "S", HIDDEN]))
    path = noisy.folder / "rows.onnx"
    path.write_bytes(graph.SerializeToString())
    runner.load("rows", path)
    path.unlink()
    ids = [*NEW[0], *NEW[1]]
    lanes, noise = Lanes(runner, "rows", noisy.manifest, precision), noise_at(LEVELS)
    rows = runner.run("rows", {**lanes.feeds(NEW, noise=noise), **empty_caches(noisy, precision)}, ["denoising.rows"])["denoising.rows"][0]
    embeddings = noisy.weights["model.embed_tokens.weight"][ids].astype(rows.dtype)
    np.testing.assert_array_equal(rows[LEVELS == 0], embeddings[LEVELS == 0])
    assert np.abs(rows - embeddings)[LEVELS > 0].max(axis=1).min() > 0.1


def empty_caches(model: Model, precision: str) -> dict[str, np.ndarray]:
    shape = model.manifest["transformer"]
    cache = np.zeros((1, shape["kvHeads"], 32, shape["headDim"]), shape["precisions"][precision]["cache"])
    places = itertools.product(range(shape["layers"]), range(shape["lanes"]), ("key", "value"))
    return {contract.past(*place): cache for place in places}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_noise_does_not_change_the_rows_before_it(noisy: Model, precision: str) -> None:
    """Nor does it change the other lane."""
    lanes, (before, steps) = prefilled(noisy.lanes(precision)), noise_at(LEVELS)
    start, changed = list(lanes.lengths), 5
    want = lanes.run(NEW, noise=(before, steps))
    lanes.truncate(start)
    before, level = before.copy(), steps[changed, 2]
    before[changed] *= 100
    got = lanes.run(NEW, noise=(before, steps))
    others = [*range(changed), *range(len(NEW[0]), len(LEVELS))]
    np.testing.assert_array_equal(got[others], want[others])
    assert level > 0 and np.abs(got[changed] - want[changed]).max() > 1e-3


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_noise_gives_the_same_logits_in_trees_and_batches(noisy: Model, precision: str) -> None:
    noise = noise_at(LEVELS)
    want = prefilled(noisy.lanes(precision)).run(NEW, noise=noise)
    tree = noisy.tree(precision)
    tree.run_tree(PROMPTS, [list(range(-1, len(prompt) - 1)) for prompt in PROMPTS])
    np.testing.assert_array_equal(tree.run_tree(NEW, [list(range(-1, len(ids) - 1)) for ids in NEW], noise=noise), want)
    batch = noisy.batch(precision, 2)
    batch.run([*PROMPTS, *PROMPTS])
    both = tuple(np.concatenate([part, part]) for part in noise)
    np.testing.assert_array_equal(batch.run([*NEW, *NEW], noise=both), np.concatenate([want, want]))


def test_a_model_without_level_vectors_ignores_levels(denoising_checkpoint: Path, runner: Runner) -> None:
    rewrite(denoising_checkpoint, lambda tensors: [tensors.pop(name) for name in list(tensors) if name.startswith("denoising.levels.")])
    untold = exported(denoising_checkpoint, runner, ("fp32",))
    lanes, noise = prefilled(untold.lanes()), noise_at(LEVELS)
    got = lanes.run(NEW, noise=noise)
    logits, normalized = expected(untold, NEW, noise)
    assert np.abs(got - logits).max() < 1e-4 and np.abs(lanes.denoised - normalized).max() < 1e-4
    lanes.truncate([len(prompt) for prompt in PROMPTS])
    other_levels = np.where(noise[1] > 0, [1, 1, 0.5], [1, 1, 0]) * noise[1]
    np.testing.assert_array_equal(lanes.run(NEW, noise=(noise[0], other_levels)), got)


def test_the_manifest_contains_the_schedule(noisy: Model, model: Model) -> None:
    assert noisy.manifest["denoising"] == {
        "steps": 3, "alpha": [1, 0.75, 0.4, 0], "sigma": [0, 0.5, 0.75, 1], "hidden": HIDDEN, "normalization": "channel", "levels": "added"}
    assert "denoising" not in model.manifest
    transformer = {**model.manifest["transformer"], "precisions": noisy.manifest["transformer"]["precisions"]}
    others = {"denoising": 0, "files": 0, "name": 0}
    assert {**noisy.manifest, **others} == {**model.manifest, **others, "transformer": transformer}


def test_the_graphs_have_the_inputs_and_outputs_of_the_contract(noisy: Model, model: Model) -> None:
    """Every variant has two inputs and one output more than in a model without noise."""
    for variant in ({}, {"tree": True}, {"pictures": 2}):
        name = contract.transformer_graph("fp16", **variant)
        graphs = [onnx.load(folder / name, load_external_data=False).graph for folder in (noisy.folder, model.folder)]
        inputs, outputs = (
            [{v.name: v.type.tensor_type for v in values(graph)} for graph in graphs] for values in (lambda g: g.input, lambda g: g.output))
        assert inputs[0].keys() - inputs[1].keys() == {contract.NOISY_EMBEDDINGS, contract.DENOISING}
        assert outputs[0].keys() - outputs[1].keys() == {contract.DENOISED_EMBEDDINGS}
        added = [inputs[0][contract.NOISY_EMBEDDINGS], inputs[0][contract.DENOISING], outputs[0][contract.DENOISED_EMBEDDINGS]]
        shapes = [(type.elem_type, *(size.dim_param or size.dim_value for size in type.shape.dim)) for type in added]
        assert shapes == [(FLOAT, 1, "N", HIDDEN), (FLOAT, 1, "N", 3), (FLOAT, 1, "S", HIDDEN)]


def test_frequencies_have_the_bits_that_trained_models_rely_on() -> None:
    """An octave is exactly a factor of 2, so the four frequencies of the first octave determine all."""
    octave = np.array([0x40490FDB, 0x406F1AB2, 0x408E2C19, 0x40A91280], np.uint32).view(np.float32)
    got = frequencies(32)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(
        got.view(np.uint32), np.outer(np.float32(2) ** np.arange(8, dtype=np.float32), octave).ravel().view(np.uint32))


def test_training_uses_the_frequencies_of_the_graph() -> None:
    seen, levels = [], training_noise.Levels(8)
    levels.first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    level = torch.rand(50)
    levels(level)
    angles = level[:, None] * torch.from_numpy(frequencies(training_noise.FREQUENCIES))
    assert torch.equal(seen[0], torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1))
    assert set(levels.state_dict()) == {"first.weight", "first.bias", "second.weight", "second.bias"}


def test_level_vectors_equal_those_of_training(runner: Runner, tmp_path: Path) -> None:
    """In a graph whose embeddings are 0 and whose normalization changes nothing, so that only levels matter."""
    torch.manual_seed(0)
    levels = training_noise.Levels(HIDDEN)
    torch.nn.init.normal_(levels.second.weight, std=0.1)
    torch.nn.init.normal_(levels.second.bias)
    weights = {f"denoising.levels.{name}": values.numpy() for name, values in levels.state_dict().items()}
    write_safetensors(tmp_path / "checkpoint.safetensors", {
        **weights, "denoising.mean": np.zeros(HIDDEN, np.float32), "denoising.std": np.ones(HIDDEN, np.float32)})

    graph = Graph("levels")
    rows = graph.input("rows", FLOAT, [1, "S", HIDDEN])
    denoising = Denoising.read(Checkpoint(tmp_path), HIDDEN, tiny.SCHEDULE)
    graph.output(denoising.build(graph, Weights(graph, tmp_path / "levels.data"), rows, FLOAT), FLOAT, [1, "S", HIDDEN])
    graph.save(tmp_path / "levels.onnx")
    runner.load("levels", tmp_path / "levels.onnx")

    level = np.linspace(0.005, 1, 200, dtype=np.float32)
    zeros = np.zeros((1, len(level), HIDDEN), np.float32)
    steps = np.column_stack([0 * level, 0 * level, level])[None]
    got = runner.run("levels", {"rows": zeros, contract.NOISY_EMBEDDINGS: zeros, contract.DENOISING: steps}, ["denoising.rows"])[
        "denoising.rows"][0]
    with torch.no_grad():
        want = levels(torch.from_numpy(level)).numpy()
    assert np.abs(got - want).max() < 1e-4 and want.std() > 0.5
    exact = reference.level_embedding({name: values.astype(np.float64) for name, values in weights.items()}, level.astype(np.float64))
    assert np.abs(got - exact).max() < 1e-3  # the highest angles are hundreds of radians in single precision


def without(*names: str) -> Callable[[Path], object]:
    return lambda folder: rewrite(folder, lambda tensors: [tensors.pop(f"denoising.{name}") for name in names])


def put(name: str, place: int | tuple[int, int], value: float) -> Callable[[Path], object]:
    return lambda folder: rewrite(folder, lambda tensors: tensors[f"denoising.{name}"].__setitem__(place, value))


def reshaped(name: str, *shape: int) -> Callable[[Path], object]:
    return lambda folder: rewrite(folder, lambda tensors: tensors.update({f"denoising.{name}": np.ones(shape, np.float16)}))


def scheduled(**fields: object) -> Callable[[Path], object]:
    return lambda folder: edit(folder, "generation.json", denoising={**tiny.SCHEDULE, **fields})


def unscheduled(folder: Path) -> None:
    sections = json.loads((folder / "generation.json").read_text())
    del sections["denoising"]
    (folder / "generation.json").write_text(json.dumps(sections))


ALL = ("mean", "std", "levels.first.weight", "levels.first.bias", "levels.second.weight", "levels.second.bias")
FAILURES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "weights without the section": (unscheduled, ["denoising.levels.first.bias", "generation.json has no section denoising", "finetune"]),
    "levels alone without the section": (
        lambda f: (without("mean", "std")(f), unscheduled(f)), ["denoising.levels.", "no section denoising"]),
    "section without weights": (without(*ALL), ["generation.json has a section denoising", "no denoising.mean", "finetune"]),
    "no mean": (without("mean"), ["denoising.mean", "[64]"]),
    "no std": (without("std"), ["denoising.std", "[64]"]),
    "no first layer": (without("levels.first.weight", "levels.first.bias"), ["denoising.levels.first.weight"]),
    "no first weight": (without("levels.first.weight"), ["denoising.levels.first.weight"]),
    "no first bias": (without("levels.first.bias"), ["denoising.levels.first.bias", "[24]"]),
    "no second layer": (without("levels.second.weight", "levels.second.bias"), ["denoising.levels.second.weight", "[64, 24]"]),
    "no second bias": (without("levels.second.bias"), ["denoising.levels.second.bias", "[64]"]),
    "more values of alpha": (scheduled(sigma=[0, 0.5, 1]), ["generation.json: section denoising", "4 values of alpha", "3 of sigma"]),
    "alpha that rises": (scheduled(alpha=[1, 0.4, 0.75, 0]), ["denoising: alpha", "0.75", "fall from 1"]),
    "alpha that starts below 1": (scheduled(alpha=[0.9, 0.75, 0.4, 0]), ["denoising: alpha", "0.9", "fall from 1"]),
    "alpha below 0": (scheduled(alpha=[1, 0.75, 0.4, -0.5]), ["denoising: alpha", "-0.5", "fall from 1 to 0."]),
    "alpha that does not reach 0": (scheduled(alpha=[1, 0.75, 0.4, 0.01]), ["denoising: alpha", "0.01", "fall from 1 to 0."]),
    "alpha that is not a number": (scheduled(alpha=[1, 0.75, np.nan, 0]), ["denoising: alpha", "NaN"]),
    "sigma that falls": (scheduled(sigma=[0, 0.75, 0.5, 1]), ["denoising: sigma", "0.75", "rise from 0"]),
    "sigma that starts above 0": (scheduled(sigma=[0.25, 0.5, 0.75, 1]), ["denoising: sigma", "0.25", "rise from 0"]),
    "infinite sigma": (scheduled(sigma=[0, 0.5, 0.75, np.inf]), ["denoising: sigma", "Infinity"]),
    "two ways to tell a level": (scheduled(levels="token"), ["has the levels token", "denoising.levels.first.bias", "one way"]),
    "an unknown way to tell a level": (scheduled(levels="shouted"), ["denoising: levels", "shouted"]),
    "no steps": (scheduled(steps=0), ["denoising: steps is 0", "from 1 to 1024"]),
    "an unknown field": (scheduled(hidden=64), ["section denoising", "hidden"]),
    "a deviation of 0": (put("std", 7, 0), ["denoising.std has the value 0 in channel 7", "above 0"]),
    "a deviation below 0": (put("std", 9, -0.5), ["denoising.std has the value -0.5 in channel 9", "above 0"]),
    "mean of another model": (reshaped("mean", 63), ["denoising.mean", "[63]", "[64]"]),
    "std of another shape": (reshaped("std", 1, 64), ["denoising.std", "[1, 64]", "[64]"]),
    "first weight of another shape": (reshaped("levels.first.weight", 24), ["denoising.levels.first.weight", "[24]", "[any, any]"]),
    "an odd number of features": (reshaped("levels.first.weight", 24, 15), ["denoising.levels.first.weight", "15 features", "even"]),
    "first bias of another width": (reshaped("levels.first.bias", 23), ["denoising.levels.first.bias", "[23]", "[24]"]),
    "second weight transposed": (reshaped("levels.second.weight", 24, 64), ["denoising.levels.second.weight", "[24, 64]", "[64, 24]"]),
    "second bias of another width": (reshaped("levels.second.bias", 24), ["denoising.levels.second.bias", "[24]", "[64]"]),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_inconsistent_additions_are_refused(denoising_checkpoint: Path, tmp_path: Path, failure: str) -> None:
    spoil, words = FAILURES[failure]
    spoil(denoising_checkpoint)
    assert_refused(denoising_checkpoint, tmp_path / "out", words)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ALL)
def test_denoising_weights_that_are_not_finite_are_refused(
    denoising_checkpoint: Path, tmp_path: Path, name: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large matrices are only checked when they are written, so they are tested in both places."""
    is_matrix = name.endswith("weight")
    put(name, (3, 2) if is_matrix else 3, value)(denoising_checkpoint)
    assert_refused(denoising_checkpoint, tmp_path / "out", [f"denoising.{name}", "finite"])
    if is_matrix:
        monkeypatch.setattr("sjdexport.checkpoint.SMALL", 0)
        assert_refused(denoising_checkpoint, tmp_path / "out", [f"denoising.{name}", "finite"])


def assert_refused(checkpoint: Path, out: Path, words: list[str]) -> None:
    assert_one_sentence(run_export("--checkpoint", checkpoint, "--out", out, "--precision", "fp32", "--pictures", ""), words)
    assert not out.exists()
