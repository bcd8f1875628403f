"""Graphs for batches and trees give the same rows as the graph for one picture and chains."""

from __future__ import annotations

import numpy as np
import pytest

from harness.exports import PRECISIONS, Model

PROMPTS = ([0, 50, 60, 70, 80, 39, 37], [0, 39, 37])  # the lanes of a picture
PICTURES = np.random.default_rng(2).integers(4, 36, (4, 24)).tolist()
IDLE = [0]  # attention needs at least one token


def alone(model: Model, precision: str, picture: list[int], windows: list[int]) -> list[np.ndarray]:
    lanes = model.lanes(precision)
    lanes.run(PROMPTS)
    parts, start = [], 0
    for window in windows:
        parts.append(lanes.run([picture[start : start + window]] * 2))
        start += window
    return parts


@pytest.mark.parametrize("precision", PRECISIONS)
def test_pictures_of_a_batch_are_bit_identical_to_those_drawn_alone(model: Model, precision: str) -> None:
    """With windows, with single tokens, and while another picture reads its prompt."""
    windows = [9, 2, 1, 6]
    want = [alone(model, precision, picture, windows) for picture in PICTURES]
    batch = model.batch(precision, 4)
    batch.run([*PROMPTS * 3, IDLE, IDLE])
    batch.truncate([*batch.lengths[:6], 0, 0])
    start = 0
    for step, window in enumerate(windows):
        tokens = [picture[start : start + window] for picture in PICTURES[:3] for _ in PROMPTS]
        late = PROMPTS if step == 0 else [PICTURES[3][start - windows[0] : start - windows[0] + 3]] * 2
        got = batch.run([*tokens, *late])
        for i in range(3):
            np.testing.assert_array_equal(got[2 * window * i : 2 * window * (i + 1)], want[i][step])
        start += window


@pytest.mark.parametrize("precision", PRECISIONS)
def test_idle_lanes_change_nothing(model: Model, precision: str) -> None:
    want = alone(model, precision, PICTURES[0], [7])[0]
    batch = model.batch(precision, 2)
    batch.run([IDLE, IDLE, *PROMPTS])
    batch.truncate([0, 0, *batch.lengths[2:]])
    got = batch.run([IDLE, IDLE, PICTURES[0][:7], PICTURES[0][:7]])
    np.testing.assert_array_equal(got[2:], want)


@pytest.mark.parametrize("precision", [precision for precision in PRECISIONS if precision in ("int8", "int8-blocks", "int4")])
def test_a_lane_alone_is_bit_identical(model: Model, precision: str) -> None:
    windows = [9, 2, 1, 6]
    want = alone(model, precision, PICTURES[0], windows)
    for index, prompt in enumerate(PROMPTS):
        lane, start = model.lane(precision), 0
        lane.run([prompt])
        for window, both in zip(windows, want):
            np.testing.assert_array_equal(
                lane.run([PICTURES[0][start : start + window]]), both[index * window : (index + 1) * window])
            start += window


def prefilled_tree(model: Model, precision: str):
    tree = model.tree(precision)
    tree.run_tree(PROMPTS, [chain(len(prompt)) for prompt in PROMPTS])
    return tree


def chain(length: int) -> list[int]:
    return list(range(-1, length - 1))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_chain_in_a_graph_of_trees_is_bit_identical(model: Model, precision: str) -> None:
    want = alone(model, precision, PICTURES[0], [9, 4])
    tree = prefilled_tree(model, precision)
    for start, end, rows in ((0, 9, want[0]), (9, 13, want[1])):
        np.testing.assert_array_equal(tree.run_tree([PICTURES[0][start:end]] * 2, [chain(end - start)] * 2), rows)


# Eight drafts, and two alternatives to the third one, the first of which has two continuations.
DRAFTS, BRANCHES = PICTURES[0][:8], [20, 21, 22, 23]
TREE = [*chain(8), 1, 1, 8, 8]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_branches_do_not_change_the_drafts_logits(model: Model, precision: str) -> None:
    want = alone(model, precision, PICTURES[0], [8])[0]
    got = prefilled_tree(model, precision).run_tree([DRAFTS + BRANCHES] * 2, [TREE] * 2).reshape(2, 12, -1)
    np.testing.assert_array_equal(got[:, :8], want.reshape(2, 8, -1))


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [("fp32", 1e-5), ("fp16", 0.02), ("int8", 0.1), ("int8-blocks", 0.1), ("int4", 0.2), ("int4-fp16", 0.2), ("int8-fp16", 0.1)])
def test_a_branch_has_the_logits_of_its_path_alone(model: Model, precision: str, tolerance: float) -> None:
    """Up to rounding: masked keys between a branch and its ancestors change the order of sums."""
    got = prefilled_tree(model, precision).run_tree([DRAFTS + BRANCHES] * 2, [TREE] * 2).reshape(2, 12, -1)
    for node in range(8, 12):
        path, at = [], node
        while at >= 0:
            path.insert(0, (DRAFTS + BRANCHES)[at])
            at = TREE[at]
        want = alone(model, precision, path, [len(path)])[0].reshape(2, len(path), -1)
        assert np.abs(got[:, node] - want[:, -1]).max() < tolerance


@pytest.mark.parametrize("precision", PRECISIONS)
def test_after_a_tree_the_cache_holds_the_drafts_that_stood(model: Model, precision: str) -> None:
    want = alone(model, precision, PICTURES[0], [5, 6])[1]
    tree = prefilled_tree(model, precision)
    before = list(tree.lengths)
    tree.run_tree([DRAFTS + BRANCHES] * 2, [TREE] * 2)
    tree.truncate([length + 5 for length in before])
    np.testing.assert_array_equal(tree.run_tree([PICTURES[0][5:11]] * 2, [chain(6)] * 2), want)


def test_variants_share_all_weights(model: Model) -> None:
    for name in model.manifest["files"]:
        if name.endswith(".onnx") and name.startswith("transformer"):
            assert (model.folder / name).stat().st_size < 200_000
    data = [name for name in model.manifest["files"] if name.endswith(".data")]
    assert not [name for name in data if any(variant in name for variant in (".x", "tree", "lane"))]
