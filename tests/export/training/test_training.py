"""Training goes on after an interruption as if there had been none, on networks that take a second."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from emoji import tokens, train  # noqa: E402
from emoji.autoencoder import AutoencoderConfig  # noqa: E402
from emoji.loop import Loop, Plan, load  # noqa: E402
from emoji.optimizers import rate_share  # noqa: E402
from emoji.sample import sample  # noqa: E402

TINY = AutoencoderConfig(widths=(8,) * 5, middle=16, blocks=(1,) * 5, encoder_widths=(16, 16, 16), groups=4, latent_channels=16)
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
STAGES = {
    "recogniser": train.train_recogniser,
    "autoencoder": functools.partial(train.train_autoencoder, config=TINY),
    "decoder": train.train_decoder,
    "transformer": functools.partial(train.train_transformer, shape=SHAPE),
}
STEPS = 4


class Interrupted(Exception):
    pass


@pytest.fixture
def place(tmp_path, sprites) -> train.Place:
    torch.set_num_threads(1)
    tokens.Tokenizer(tokens.train_merges(tokens.sample_captions(50), 50)).save(tmp_path / "tokenizer.json")
    return train.Place(tmp_path, "cpu", sprites)


def plan(workers: int = 0) -> Plan:
    return Plan(STEPS, batch=1, seconds_between_saves=0.0, workers=workers)


def same(first: object, second: object) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


def interrupt(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Has the loop fail before a step's data are made."""
    original = Loop.batch_of

    def batch_of(self: Loop, step: int) -> object:
        if step == at:
            raise Interrupted
        return original(self, step)

    monkeypatch.setattr(Loop, "batch_of", batch_of)


def test_every_stage_goes_on_after_an_interruption_with_the_same_numbers(place, monkeypatch):
    for name, stage in STAGES.items():
        stage(place, plan())
        whole = load(place.path(name))
        place.path(name).unlink()
        with monkeypatch.context() as patch:
            interrupt(patch, at=3)
            with pytest.raises(Interrupted):
                stage(place, plan())
        assert load(place.path(name))["step"] == 2
        stage(place, plan())
        assert same(load(place.path(name)), whole), name


def test_the_decoders_stage_leaves_the_codes_as_they_were(place):
    for name in ("recogniser", "autoencoder", "decoder"):
        STAGES[name](place, plan())
    before, after = (load(place.path(name))["model"] for name in ("autoencoder", "decoder"))
    encoder = [name for name in before if name.startswith(("encoder.", "quantize."))]
    assert encoder and all(torch.equal(before[name], after[name]) for name in encoder)
    assert not torch.equal(before["decoder.conv_in.weight"], after["decoder.conv_in.weight"])


def test_processes_that_draw_ahead_change_nothing(place):
    STAGES["recogniser"](place, plan())
    alone = load(place.path("recogniser"))
    place.path("recogniser").unlink()
    STAGES["recogniser"](place, plan(workers=2))
    assert same(load(place.path("recogniser")), alone)


def test_a_write_that_fails_leaves_the_earlier_checkpoint(place, monkeypatch):
    STAGES["recogniser"](place, plan())
    before = place.path("recogniser").read_bytes()

    def fail(state: object, file: object) -> None:
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    longer = Plan(STEPS + 1, batch=1, seconds_between_saves=0.0)
    with pytest.raises(OSError, match="disk full"):
        STAGES["recogniser"](place, longer)
    assert place.path("recogniser").read_bytes() == before


def test_a_stage_says_which_stage_is_missing(place):
    with pytest.raises(SystemExit, match="run the stage recogniser first"):
        STAGES["decoder"](place, plan())


def test_only_codes_are_targets_and_each_follows_its_input(place):
    for name in ("recogniser", "autoencoder"):
        STAGES[name](place, plan())
    pictures = place.draw(np.random.default_rng(0), 2)
    ids, targets = train.sequences(place, place.autoencoder(), pictures, [tokens.prompt([4105, 4106]), tokens.prompt([])])
    assert (targets != train.NO_TARGET).sum(dim=1).tolist() == [256, 256]
    shown = targets[:, :-1] != train.NO_TARGET
    assert torch.equal(ids[:, 1:][shown] - tokens.FIRST_CODE, targets[:, :-1][shown])


def test_minutes_become_as_many_steps_as_fit(tmp_path: Path):
    timed = Plan(steps=1, batch=1, minutes=0.01)
    loop = Loop(tmp_path / "timed.pt", timed, "cpu", lambda random, count: None, 0)
    last = [step for step, _ in loop][-1]
    assert last == loop.steps == load(tmp_path / "timed.pt")["step"] > 60


def test_the_rate_rises_holds_and_falls_to_nearly_nothing():
    shares = [rate_share(step, 1000) for step in range(1, 1001)]
    assert shares[0] == 0.01 and shares[400] == 1.0 and shares[-1] < 0.01
    assert shares[700:] == sorted(shares[700:], reverse=True)


def test_reading_token_by_token_gives_the_logits_of_reading_at_once():
    torch.manual_seed(0)
    model = train.Transformer(train.TransformerConfig(vocab_size=4200, **SHAPE)).eval()
    for layer in model.model.layers:  # they begin at zero, where attention and feed-forward would not show
        torch.nn.init.normal_(layer.self_attn.o_proj.weight, std=0.2)
        torch.nn.init.normal_(layer.mlp.down_proj.weight, std=0.2)
    ids = torch.randint(0, 4200, (2, 9))
    whole = model(ids, train.CODE_COLUMNS)
    caches: list[list[torch.Tensor]] = [[] for _ in model.model.layers]
    parts = [model(ids[:, :4], train.CODE_COLUMNS, caches)] + [model(ids[:, i : i + 1], train.CODE_COLUMNS, caches) for i in range(4, 9)]
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-4)


def test_sampling_draws_a_picture_of_codes_and_repeats_it_with_its_seed():
    torch.manual_seed(0)
    model = train.Transformer(train.TransformerConfig(vocab_size=4200, **SHAPE)).eval()
    first, second, other = (
        sample(model, [tokens.prompt([4110, 4111])], 3.0, 1.0, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (1, 16, 16) and 0 <= first.min() and first.max() < tokens.CODES
    assert torch.equal(first, second) and not torch.equal(first, other)
