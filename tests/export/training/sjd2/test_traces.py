"""standing.py and trajectory.py, which read traces of `sjd generate --trace`."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from harness.runner import ROOT
from training.sjd2 import likelihood, standing, trajectory

# A picture of 2 x 3 codes in three passes after the prefill; windows of three drafts, two denoising steps.
TRACE = {
    "model": "toy", "method": "sjd2", "window": 3, "method_options": {"denoising_steps": 2}, "rows": 2, "columns": 3,
    "codes": [10, 11, 12, 13, 14, 15],
    "passes": [
        {"committed": 1, "drafts": [7, 7, 7], "steps_left": [2, 2, 2]},
        {"committed": 2, "drafts": [8, 7, 9], "steps_left": [1, 1, 2]},
        {"committed": 3, "drafts": [7, 9, 9], "steps_left": [0, 1, 2]},
        {"committed": 6, "drafts": [], "steps_left": []},
    ],
}


def run_module(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"training.sjd2.{name}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT / "export", capture_output=True, text=True)


def test_each_draft_is_compared_with_its_code_after_the_next_pass() -> None:
    found = standing.compare(TRACE)
    assert found[:3] == [(0, 0, False), (0, 1, False), (0, 2, True)]  # 7 became 11 and was committed, 7 became 8, 7 stood
    # 8 became 12; the others stood, of which the last had been predicted after the window
    assert found[3:6] == [(1, 0, False), (1, 1, True), (1, 2, True)]
    assert found[6:] == [(2, 0, False), (2, 1, False), (1, 2, False)]  # against the picture: 13, 14, 15
    assert standing.row(found).split(" | ")[:3] == ["0.33", "0.50", "0.00"]


def passes(*windows: tuple[int, list[int]]) -> dict:
    return {"codes": list(range(10, 26)), "passes": [{"committed": committed, "drafts": drafts} for committed, drafts in windows]}


def test_a_draft_that_no_pass_has_predicted_counts_as_a_first_guess() -> None:
    """The first pass predicts positions 1 to 3, so of the next window, 2 to 5, the last two are first guesses."""
    found = standing.compare(passes((1, [0, 0]), (2, [0, 13, 14, 15]), (16, [])))
    assert found == [(0, 0, False), (0, 1, True), (1, 0, False), (1, 1, True), (0, 2, True), (0, 3, True)]


def test_a_draft_outside_the_next_window_is_not_counted_and_starts_again() -> None:
    found = standing.compare(passes((1, [0, 12, 0, 0]), (2, [12]), (3, [13, 14]), (16, [])))
    assert found[:2] == [(0, 0, False), (0, 1, True)]  # 1 was committed as 11; 2 stood; 3 and 4 are outside the window
    assert found[2:] == [(1, 0, True), (2, 0, True), (0, 1, True)]  # 3, after the narrow window, was predicted twice; 4 was in no window


def test_committed_drafts_are_compared_with_the_picture() -> None:
    assert standing.compare(passes((1, [11, 12, 9]), (5, []), (16, []))) == [(0, 0, True), (0, 1, True), (0, 2, False)]


def test_the_table_has_a_row_for_each_method(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(TRACE))
    (tmp_path / "b.json").write_text(json.dumps({**TRACE, "method": "mc", "method_options": None}))
    done = run_module("standing", tmp_path / "a.json", tmp_path / "b.json")
    header, _, *rows = done.stdout.splitlines()
    assert header.startswith("| model | method | window | first guess | pass 1 |")
    assert [row.split(" | ")[1] for row in rows] == ["mc", "sjd2, 2 steps"]


def test_a_pass_is_drawn_with_its_codes_and_the_color_of_each_state() -> None:
    step = TRACE["passes"][2]
    np.testing.assert_array_equal(trajectory.codes_of(TRACE, step), [10, 11, 12, 7, 9, 9])
    np.testing.assert_array_equal(trajectory.codes_of(TRACE, TRACE["passes"][0]), [10, 7, 7, 7, -1, -1])
    squares = np.asarray(trajectory.states(TRACE, step))
    centers = squares[trajectory.PIXELS // 2 :: trajectory.PIXELS, trajectory.PIXELS // 2 :: trajectory.PIXELS].reshape(-1, 3)
    assert [tuple(color) for color in centers[:4]] == [trajectory.COMMITTED] * 3 + [trajectory.CODE]
    assert tuple(centers[5]) == trajectory.NOISE[1]
    assert all(min(pair) <= half <= max(pair) for half, *pair in zip(centers[4], *trajectory.NOISE))


def test_the_number_of_a_missing_pass_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(TRACE))
    done = run_module("trajectory", tmp_path / "a.json", "--passes", "0,4")
    assert done.returncode == 2
    assert "--passes is 0,4; this trace has the passes 0 to 3" in done.stderr


def test_codes_drawn_from_the_distributions_have_their_entropy_on_average_and_likelier_ones_have_less() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4000, 50)
    drawn = likelihood.judge(logits, torch.multinomial(logits.softmax(dim=-1), 1)[:, 0])
    z = (drawn.nats - drawn.entropy) / drawn.variance**0.5
    assert drawn.codes == 4000 and abs(z) < 4 and 2 < drawn.entropy / 4000 < math.log(50)
    likely = likelihood.judge(logits, logits.argmax(dim=-1))
    assert (likely.nats - likely.entropy) / likely.variance**0.5 < -20
    even = likelihood.judge(torch.zeros(3, 8), torch.tensor([0, 5, 7]))
    assert abs(even.nats - 3 * math.log(8)) < 1e-9 and abs(even.variance) < 1e-9


def test_traces_are_judged_by_method_with_the_guided_logits_of_the_built_in_model(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 1024, (16, 16))
    for name in ("mc", "sjd"):
        trace = {"prompt": "a fox", "method": name, "method_options": None, "window": 16, "rows": 16, "columns": 16}
        (tmp_path / f"{name}.json").write_text(json.dumps({**trace, "codes": codes.flatten().tolist()}))
    done = run_module("likelihood", ROOT / "onnx-models" / "emoji", tmp_path / "mc.json", tmp_path / "sjd.json")
    assert done.returncode == 0, done.stderr
    header, _, first, second = done.stdout.splitlines()
    assert header == "| method | window | pictures | nats per code | entropy | z |"
    assert first.startswith("| mc | 16 | 1 | ") and second.replace("sjd", "mc") == first
    nats, entropy, z = map(float, first.rstrip(" |").split(" | ")[3:6])
    assert nats > 6 > entropy and z > 10  # random codes are improbable
