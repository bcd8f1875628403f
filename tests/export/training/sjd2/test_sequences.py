"""The sequences of ids that models are fine-tuned on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.fine_tuning import CODES, FIRST_CODE, ROW_END, write_tokens
from sjdexport.exporter import open_family
from training.noto_emoji.scenes import FONT
from training.sjd2 import finetune
from training.sjd2.model import SourceTransformer
from training.sjd2.sequences import Scenes, TokenFile
from training.vocabulary import NO_TARGET


def test_the_last_twentieth_is_held_out_and_padding_has_no_targets(tmp_path: Path) -> None:
    sequences = [[0, 39, 37, FIRST_CODE + i % 32, FIRST_CODE + i // 32] + [ROW_END] * (i % 3) for i in range(60)]
    file = TokenFile(write_tokens(tmp_path / "tokens.safetensors", sequences), range(FIRST_CODE, FIRST_CODE + CODES), 300, 128)
    held_out, random = file.held_out(), np.random.default_rng(0)
    assert (held_out.targets[:, 2:4] == torch.tensor([[i % 32, i // 32] for i in range(57, 60)])).all()
    assert held_out.ids.shape == (3, 6)  # all tokens of the longest sequence but the last
    drawn = torch.cat([file.batch(random, 50).targets[:, 2:4] for _ in range(20)])
    assert {tuple(row) for row in drawn.tolist()} == {(i % 32, i // 32) for i in range(57)}
    batch = file.batch(random, 50)
    assert batch.ids.min() == 0 and batch.is_code.sum() == 100 - (batch.ids.shape[1] == 4) * 50
    assert ((batch.targets >= 0).sum(dim=1) == 2).all()


def test_padding_is_not_taken_for_a_code_where_codes_start_at_0(tmp_path: Path) -> None:
    file = TokenFile(write_tokens(tmp_path / "tokens.safetensors", [[40, 3, 0, 5], [41, 7], [42, 9]]), range(32), 50, 128)
    assert file.held_out().targets.tolist() == [[9]]
    batch = file.batch(np.random.default_rng(0), 20)
    rows = {(tuple(is_code), tuple(targets)) for is_code, targets in zip(batch.is_code.tolist(), batch.targets.tolist())}
    assert rows == {((False, True, True), (3, 0, 5)), ((False, True, False), (7, NO_TARGET, NO_TARGET))}


@pytest.mark.skipif(not Path(FONT).exists(), reason=f"{FONT} is missing (Debian: fonts-noto-color-emoji)")
def test_scenes_are_encoded_by_the_encoder_in_the_built_in_model() -> None:
    """With another encoder's codes, the loss would be higher than at the end of training."""
    given, family = open_family(None, finetune.BUILT_IN, None, None, None)
    transformer = SourceTransformer(family, given.checkpoint)
    batch = Scenes(given.checkpoint).batch(np.random.default_rng(5), 4)
    with torch.no_grad():
        log_p = torch.log_softmax(transformer.predict(transformer.embed(batch.ids)), dim=-1)
    wanted = batch.targets >= 0
    assert wanted.sum() == 4 * 256
    assert -log_p[wanted].gather(1, batch.targets[wanted][:, None]).mean() < 1.3
