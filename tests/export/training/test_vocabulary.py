"""The ids of the built-in models' tokens."""

from __future__ import annotations

import numpy as np

from training.vocabulary import NO_TARGET, Vocabulary

VOCABULARY = Vocabulary(codes=20)


def test_codes_marks_and_text_have_different_ids() -> None:
    marks = [VOCABULARY.begin, VOCABULARY.pad, VOCABULARY.image_end, VOCABULARY.image_start, VOCABULARY.row_end, VOCABULARY.turn_end]
    codes = range(VOCABULARY.code_columns.start, VOCABULARY.code_columns.stop)
    assert len(codes) == 20 and len({*marks, *codes, VOCABULARY.first_text}) == len(marks) + 21
    assert VOCABULARY.first_text > max(*marks, *codes)


def test_a_row_end_follows_each_row_and_the_image_end_follows_the_last() -> None:
    ids = VOCABULARY.picture(np.arange(6).reshape(2, 3))
    assert ids.tolist() == [4, 5, 6, VOCABULARY.row_end, 7, 8, 9, VOCABULARY.row_end, VOCABULARY.image_end]


def test_only_codes_are_targets_and_shorter_sequences_are_padded() -> None:
    ids, targets = VOCABULARY.sequences([VOCABULARY.prompt([50]), VOCABULARY.prompt([])], [np.array([[7, 8]]), np.array([[9, 10]])])
    none, end, row = NO_TARGET, VOCABULARY.image_end, VOCABULARY.row_end
    assert ids.tolist() == [[0, 50, 27, 25, 11, 12, row], [0, 27, 25, 13, 14, row, end]]
    assert targets.tolist() == [[none, none, none, 7, 8, none, none], [none, none, 9, 10, none, none, none]]
