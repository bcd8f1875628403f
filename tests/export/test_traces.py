"""What is read from traces of `sjd generate --trace`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed (Debian: python3-torch)")
ROOT = Path(__file__).resolve().parents[2]
SJD2 = ROOT / "export" / "sjd2"
sys.path.insert(0, str(SJD2))

import standing  # noqa: E402
import trajectory  # noqa: E402

# A picture of 2 x 3 codes in three passes after the prefill; windows of three drafts, two denoising steps.
TRACE = {
    "model": "toy", "method": "sjd2", "window": 3, "denoising_steps": 2, "rows": 2, "columns": 3, "picture": [10, 11, 12, 13, 14, 15],
    "passes": [
        {"committed": 1, "drafts": [7, 7, 7], "steps_left": [2, 2, 2]},
        {"committed": 2, "drafts": [8, 7, 9], "steps_left": [1, 1, 2]},
        {"committed": 3, "drafts": [7, 9, 9], "steps_left": [0, 1, 2]},
        {"committed": 6, "drafts": [], "steps_left": []},
    ],
}


def test_drafts_are_followed_from_pass_to_pass() -> None:
    found = standing.compare(TRACE)
    assert found[:3] == [(0, 0, False), (0, 1, False), (0, 2, True)]  # 7 became 11 and was committed, 7 became 8, 7 stayed
    assert found[3:6] == [(1, 0, False), (1, 1, True), (1, 2, True)]  # 8 became 12, the other two stayed; the last was predicted behind the window before
    assert found[6:] == [(2, 0, False), (2, 1, False), (1, 2, False)]  # against the picture: 13, 14, 15
    assert standing.row(found).split(" | ")[:3] == ["0.33", "0.50", "0.00"]


def passes(*windows: tuple[int, list[int]]) -> dict:
    return {"picture": list(range(10, 26)), "passes": [{"committed": committed, "drafts": drafts} for committed, drafts in windows]}


def test_what_no_pass_has_predicted_is_a_first_guess() -> None:
    """The place behind the first window is 3, so of the second, 2 to 5, the last two are."""
    found = standing.compare(passes((1, [0, 0]), (2, [0, 13, 14, 15]), (16, [])))
    assert found == [(0, 0, False), (0, 1, True), (1, 0, False), (1, 1, True), (0, 2, True), (0, 3, True)]


def test_a_draft_that_the_next_window_lacks_is_not_counted_and_begins_anew() -> None:
    found = standing.compare(passes((1, [0, 12, 0, 0]), (2, [12]), (3, [13, 14]), (16, [])))
    assert found[:2] == [(0, 0, False), (0, 1, True)]  # 1 was committed as 11; 2 stayed; 3 and 4 are not open
    assert found[2:] == [(1, 0, True), (2, 0, True), (0, 1, True)]  # 3, behind the narrow window, was predicted twice; 4 had fallen out of sight


def test_drafts_that_were_committed_are_held_against_the_picture() -> None:
    assert standing.compare(passes((1, [11, 12, 9]), (5, []), (16, []))) == [(0, 0, True), (0, 1, True), (0, 2, False)]


def test_the_table_has_a_row_for_each_way_of_drawing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(TRACE))
    (tmp_path / "b.json").write_text(json.dumps({**TRACE, "method": "mc", "denoising_steps": None}))
    done = subprocess.run([sys.executable, SJD2 / "standing.py", tmp_path / "a.json", tmp_path / "b.json"], capture_output=True, text=True, check=True)
    header, _, *rows = done.stdout.splitlines()
    assert header.startswith("| model | method | window | first guess | pass 1 |")
    assert [row.split(" | ")[1] for row in rows] == ["mc", "sjd2, 2 steps"]


def test_codes_and_states_of_a_pass() -> None:
    step = TRACE["passes"][2]
    np.testing.assert_array_equal(trajectory.codes_of(TRACE, step), [10, 11, 12, 7, 9, 9])
    np.testing.assert_array_equal(trajectory.codes_of(TRACE, TRACE["passes"][0]), [10, 7, 7, 7, -1, -1])
    squares = np.asarray(trajectory.states(TRACE, step))
    centres = squares[trajectory.PIXELS // 2 :: trajectory.PIXELS, trajectory.PIXELS // 2 :: trajectory.PIXELS].reshape(-1, 3)
    assert [tuple(colour) for colour in centres[:4]] == [trajectory.COMMITTED] * 3 + [trajectory.CODE]
    assert tuple(centres[5]) == trajectory.NOISE[1]
    assert all(min(pair) <= half <= max(pair) for half, *pair in zip(centres[4], *trajectory.NOISE))


def test_a_pass_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(TRACE))
    done = subprocess.run([sys.executable, SJD2 / "trajectory.py", tmp_path / "a.json", "--passes", "0,4"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "--passes is 0,4; this trace has the passes 0 to 3" in done.stderr
