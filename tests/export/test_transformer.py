"""The transformer's graphs, compared with an independent forward pass, in the ways in which the engine runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from harness import chameleon_reference as reference
from harness import tiny
from harness.exports import PRECISIONS, Model, run_export
from harness.halves import assert_bf16_is_fp16_in_another_type
from sjdexport import contract

PROMPTS = ([0, 50, 60, 70, 80, 39, 37], [0, 39, 37])  # lanes of different lengths
FIRST_CODE, CODES, ROW_END = 4, 32, 38
PICTURE = np.random.default_rng(1).integers(FIRST_CODE, FIRST_CODE + CODES, 20).tolist()
PICTURE[4] = PICTURE[9] = PICTURE[14] = ROW_END  # rows of four codes and their ends


def expected(model: Model, ids: list[int]) -> np.ndarray:
    return reference.logits(model.weights, model.config, ids)[:, FIRST_CODE : FIRST_CODE + CODES]


def decode(model: Model, window: int, precision: str = "fp32") -> np.ndarray:
    """Logits [lanes, tokens, codes] of the picture, in windows after one prefill."""
    lanes = model.lanes(precision)
    lanes.run(PROMPTS, rows=[0])
    parts = []
    for start in range(0, len(PICTURE), window):
        new = PICTURE[start : start + window]
        parts.append(lanes.run([new, new]).reshape(2, len(new), -1))
    return np.concatenate(parts, axis=1)


def test_prompts_of_different_lengths_match_the_reference(model: Model) -> None:
    got = model.lanes().run(PROMPTS)
    want = np.concatenate([expected(model, prompt) for prompt in PROMPTS])
    assert np.abs(got - want).max() < 1e-4


def test_only_the_requested_rows_get_logits(model: Model) -> None:
    every = model.lanes().run(PROMPTS)
    last_of_lanes = [len(PROMPTS[0]) - 1, len(PROMPTS[0]) + len(PROMPTS[1]) - 1]
    np.testing.assert_allclose(model.lanes().run(PROMPTS, rows=last_of_lanes), every[last_of_lanes], atol=1e-5)


@pytest.mark.parametrize("window", [1, 3, 16])
def test_windows_match_the_reference_across_row_ends(model: Model, window: int) -> None:
    got = decode(model, window)
    for lane, prompt in enumerate(PROMPTS):
        want = expected(model, prompt + PICTURE)[len(prompt) :]
        assert np.abs(got[lane] - want).max() < 1e-4


@pytest.mark.parametrize("window", [2, 7, 20])
def test_windows_match_one_token_at_a_time(model: Model, window: int) -> None:
    assert np.abs(decode(model, window) - decode(model, 1)).max() < 1e-5


def test_lanes_can_have_different_numbers_of_new_tokens(model: Model) -> None:
    lanes = model.lanes()
    lanes.run(PROMPTS)
    got = lanes.run([PICTURE[:5], PICTURE[:2]])
    want = [expected(model, PROMPTS[0] + PICTURE[:5])[-5:], expected(model, PROMPTS[1] + PICTURE[:2])[-2:]]
    assert np.abs(got - np.concatenate(want)).max() < 1e-4


def test_rejected_drafts_do_not_change_later_logits(model: Model) -> None:
    plain, speculative = model.lanes(), model.lanes()
    for lanes in (plain, speculative):
        lanes.run(PROMPTS)
    before = list(speculative.lengths)
    speculative.run([[ROW_END] * 12] * 2)
    speculative.truncate(before)
    np.testing.assert_array_equal(speculative.run([PICTURE[:4]] * 2), plain.run([PICTURE[:4]] * 2))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("changed", [1, 7, 15])
def test_a_later_draft_leaves_earlier_logits_bit_identical(model: Model, precision: str, changed: int) -> None:
    """In both lanes, for codes, structural tokens and text."""
    lanes = model.lanes(precision)
    lanes.run(PROMPTS)
    start, window = list(lanes.lengths), PICTURE[:16]
    before = lanes.run([window, window]).reshape(2, 16, -1)
    for other in (0, 5, ROW_END, 100):
        lanes.truncate(start)
        draft = window[:changed] + [other] + window[changed + 1 :]
        after = lanes.run([draft, draft]).reshape(2, 16, -1)
        np.testing.assert_array_equal(after[:, :changed], before[:, :changed])
        assert np.abs(after[:, changed] - before[:, changed]).max() > 1e-3


@pytest.mark.parametrize("precision", PRECISIONS)
def test_lanes_do_not_depend_on_each_other(model: Model, precision: str) -> None:
    lanes = model.lanes(precision)
    lanes.run(PROMPTS)
    start = list(lanes.lengths)
    before = lanes.run([PICTURE[:6], PICTURE[:6]])
    lanes.truncate(start)
    after = lanes.run([PICTURE[:6], PICTURE[6:12]])
    np.testing.assert_array_equal(after[:6], before[:6])


@pytest.mark.parametrize(
    ("precision", "relative_error"), [
        ("fp16", 0.005), ("int8", 0.05), ("int8-blocks", 0.05), ("int4", 0.5), ("int4-fp16", 0.5), ("int8-fp16", 0.05)])
def test_coarser_precisions_stay_near_fp32(model: Model, precision: str, relative_error: float) -> None:
    want = decode(model, 4)
    error = decode(model, 4, precision) - want
    assert np.sqrt((error**2).mean()) < relative_error * want.std()


@pytest.mark.parametrize("denoising", [False, True])
def test_the_bf16_graph_is_the_fp16_graph_in_another_type(tmp_path: Path, denoising: bool) -> None:
    tiny.write_checkpoint(tmp_path, dtype=np.float32, denoising=denoising)
    done = run_export("--checkpoint", tmp_path, "--out", tmp_path, "--precision", "fp16,bf16", "--pictures", "")
    assert done.returncode == 0, done.stderr
    for tree in (False, True):
        assert_bf16_is_fp16_in_another_type(*(
            tmp_path / contract.transformer_graph(precision, tree=tree) for precision in ("fp16", "bf16")))


def test_weights_are_not_rearranged_in_a_run(model: Model, runner, tmp_path: Path) -> None:
    """Nodes that only rearrange weights are folded at load."""
    runner.load("folded", model.folder / "transformer.fp32.onnx", optimized=tmp_path / "optimized.onnx")
    nodes = onnx.load(tmp_path / "optimized.onnx", load_external_data=False).graph.node
    computed = {output for node in nodes for output in node.output}
    reshaping = [node.name for node in nodes if node.op_type in ("Cast", "Transpose", "Concat") and not computed & set(node.input)]
    assert reshaping == []
    assert sum(node.op_type == "Transpose" for node in nodes) == 0
    assert sum(node.op_type == "Cast" for node in nodes) == 1  # of the gathered embeddings
