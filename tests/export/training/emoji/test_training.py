"""The training stages, on networks so small that a stage takes a second."""

from __future__ import annotations

import errno
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from training.checkpoints import load
from training.emoji import train
from training.emoji.autoencoder import AutoencoderConfig
from training.emoji.loop import Loop, Plan
from training.emoji.sample import sample
from training.emoji.tokens import VOCABULARY, train_tokenizer
from training.optimizers import rate_share
from training.transformer import Transformer, TransformerConfig
from training.vocabulary import NO_TARGET

TINY = AutoencoderConfig(widths=(8,) * 5, middle=16, blocks=(1,) * 5, encoder_widths=(16, 16, 16), groups=4, latent_channels=16)
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
STAGES = {
    "recognizer": train.train_recognizer,
    "autoencoder": functools.partial(train.train_autoencoder, config=TINY),
    "decoder": train.train_decoder,
    "transformer": functools.partial(train.train_transformer, shape=SHAPE),
}
STEPS = 4


class Interrupted(Exception):
    pass


@pytest.fixture
def run(tmp_path, sprites) -> Iterator[train.Run]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train_tokenizer(captions=50, merges=50).save(tmp_path / "tokenizer.json")
    yield train.Run(tmp_path, "cpu", sprites)
    torch.set_num_threads(threads)


def plan(workers: int = 0) -> Plan:
    return Plan(STEPS, batch=1, seconds_between_saves=0.0, workers=workers)


def same(first: object, second: object) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


def interrupt(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Makes the loop fail before it makes the data of a step."""
    original = Loop.batch_of

    def batch_of(self: Loop, step: int) -> object:
        if step == at:
            raise Interrupted
        return original(self, step)

    monkeypatch.setattr(Loop, "batch_of", batch_of)


def test_an_interrupted_stage_resumes_and_ends_with_the_same_weights(run, monkeypatch):
    for name, stage in STAGES.items():
        stage(run, plan())
        whole = load(run.path(name))
        run.path(name).unlink()
        with monkeypatch.context() as patch:
            interrupt(patch, at=3)
            with pytest.raises(Interrupted):
                stage(run, plan())
        assert load(run.path(name))["step"] == 2
        stage(run, plan())
        assert same(load(run.path(name)), whole), name


def test_the_decoder_stage_changes_the_decoder_and_not_the_encoder(run):
    for name in ("recognizer", "autoencoder", "decoder"):
        STAGES[name](run, plan())
    before, after = (load(run.path(name))["model"] for name in ("autoencoder", "decoder"))
    encoder = [name for name in before if name.startswith(("encoder.", "quantize."))]
    assert encoder and all(torch.equal(before[name], after[name]) for name in encoder)
    assert not torch.equal(before["decoder.conv_in.weight"], after["decoder.conv_in.weight"])


def test_drawing_scenes_in_worker_processes_gives_the_same_weights(run):
    STAGES["recognizer"](run, plan())
    alone = load(run.path("recognizer"))
    run.path("recognizer").unlink()
    STAGES["recognizer"](run, plan(workers=2))
    assert same(load(run.path("recognizer")), alone)


def test_a_failed_save_leaves_the_earlier_checkpoint_and_names_the_file(run, monkeypatch):
    STAGES["recognizer"](run, plan())
    before = run.path("recognizer").read_bytes()

    def fail(state: object, file: object) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(torch, "save", fail)
    longer = Plan(STEPS + 1, batch=1, seconds_between_saves=0.0)
    with pytest.raises(OSError, match="disk full: '.*recognizer.pt'"):
        STAGES["recognizer"](run, longer)
    assert run.path("recognizer").read_bytes() == before


def test_a_stage_without_the_checkpoint_of_an_earlier_one_names_it(run):
    with pytest.raises(SystemExit, match="run the stage recognizer first"):
        STAGES["decoder"](run, plan())


def test_the_targets_are_the_codes_that_follow_the_inputs(run):
    for name in ("recognizer", "autoencoder"):
        STAGES[name](run, plan())
    pictures = run.draw(np.random.default_rng(0), 2)
    ids, targets = train.sequences(run, run.autoencoder(), pictures, [VOCABULARY.prompt([4105, 4106]), VOCABULARY.prompt([])])
    assert (targets != NO_TARGET).sum(dim=1).tolist() == [256, 256]
    shown = targets[:, :-1] != NO_TARGET
    assert torch.equal(ids[:, 1:][shown] - VOCABULARY.first_code, targets[:, :-1][shown])


def test_a_limit_in_minutes_becomes_a_number_of_steps_that_is_saved(tmp_path: Path):
    timed = Plan(steps=1, batch=1, minutes=0.01)
    loop = Loop(tmp_path / "timed.pt", timed, "cpu", lambda random, count: None, 0)
    last = [step for step, _ in loop][-1]
    assert last == loop.steps == load(tmp_path / "timed.pt")["step"] > 60


def test_the_learning_rate_rises_stays_constant_and_falls_to_almost_zero():
    shares = [rate_share(step, 1000) for step in range(1, 1001)]
    assert shares[0] == 0.01 and shares[400] == 1.0 and shares[-1] < 0.01
    assert shares[700:] == sorted(shares[700:], reverse=True)


def test_token_by_token_the_transformer_gives_the_same_logits_as_in_one_pass():
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(vocab_size=4200, **SHAPE)).eval()
    for layer in model.model.layers:  # they start at zero, where attention and feed-forward have no effect
        torch.nn.init.normal_(layer.self_attn.o_proj.weight, std=0.2)
        torch.nn.init.normal_(layer.mlp.down_proj.weight, std=0.2)
    ids = torch.randint(0, 4200, (2, 9))
    whole = model(ids, VOCABULARY.code_columns)
    caches: list[list[torch.Tensor]] = [[] for _ in model.model.layers]
    parts = [model(part, VOCABULARY.code_columns, caches) for part in (ids[:, :4], *ids[:, 4:].split(1, dim=1))]
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-4)


def test_sampling_twice_with_one_seed_gives_the_same_codes():
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(vocab_size=4200, **SHAPE)).eval()
    first, second, other = (
        sample(model, [VOCABULARY.prompt([4110, 4111])], 3.0, 1.0, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (1, 16, 16) and 0 <= first.min() and first.max() < VOCABULARY.codes
    assert torch.equal(first, second) and not torch.equal(first, other)
