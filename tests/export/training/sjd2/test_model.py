"""The families' transformers in PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness import tiny
from harness.family_exports import WRITERS
from harness.fine_tuning import Case
from sjdexport.errors import ExportError
from sjdexport.exporter import open_family
from training.sjd2.model import Denoiser, SourceTransformer, Timesteps
from training.sjd2.noise import Schedule

FAMILIES = [name for name in WRITERS if name != "llamagen t2i"]  # which reads a text encoder's vectors too


@pytest.mark.parametrize("case", FAMILIES, indirect=True)
def test_the_transformer_in_pytorch_gives_the_logits_of_the_reference(case: Case) -> None:
    length = max(map(len, case.sequences))
    padded = torch.tensor([ids + [0] * (length - len(ids)) for ids in case.sequences])
    with torch.no_grad():
        got = case.transformer.predict(case.transformer.embed(padded)).numpy()
    for lane, ids in enumerate(case.sequences):
        want = case.written.logits(ids).numpy()
        assert want.std() > 0.3
        np.testing.assert_allclose(got[lane, : len(ids)], want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", FAMILIES, indirect=True)
def test_every_stored_tensor_of_the_transformer_is_trained(case: Case) -> None:
    transformer = case.transformer
    transformer.predict(transformer.embed(torch.tensor([case.sequences[0]]))).square().sum().backward()
    parameters = dict(transformer.named_parameters())
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in parameters.values())
    checkpoint = case.given.checkpoint
    # Janus computes its embedding of codes from these
    frozen = ("gen_embed", "gen_aligner", "model.generation_embeddings", "model.generation_aligner")
    # the head over text
    unused = ("gen_vision_model.", "model.vqmodel.", *(("lm_head.", "language_model.lm_head.") if case.family.name == "janus" else ()))
    stored = {name for name in checkpoint.names() if not name.startswith((*frozen, *unused))}
    assert {next(whole for whole in checkpoint.names() if f"{name}.".startswith(f"{whole}.")) for name in parameters} == stored
    assert {name for name in checkpoint.names() if checkpoint[name] is not transformer.stored(checkpoint[name])} == stored
    matrices = transformer.matrices()
    assert len({id(p) for p in matrices}) == len(matrices) >= 5 * transformer.shape.layers
    assert all(p.dim() == 2 and any(p is each for each in parameters.values()) for p in matrices)
    transformer.zero_grad(set_to_none=True)


def test_values_outside_the_range_of_their_type_are_not_written(tmp_path: Path) -> None:
    tiny.write_checkpoint(tmp_path)
    given, family = open_family(None, tmp_path, None, None, None)
    transformer = SourceTransformer(family, given.checkpoint)
    with torch.no_grad():
        transformer.model.norm.weight[3] = 1e6
    with pytest.raises(ExportError, match="model.norm.weight was trained to values outside the range of F16"):
        transformer.stored(given.checkpoint["model.norm.weight"]).raw()


def spelled_out(transformer: SourceTransformer, x: torch.Tensor, timesteps: Timesteps) -> torch.Tensor:
    """The logits of one sequence [T, hidden] as the paper has it: timestep tokens appended to the sequence, and a mask."""
    noisy = (timesteps.of[0] >= 0).nonzero().flatten()
    length, places = len(x), torch.cat([torch.arange(len(x)), noisy])
    mask = torch.full((len(places), len(places)), float("-inf"))
    mask[:length, :length] = torch.zeros(length, length).masked_fill(torch.ones(length, length).triu(1) > 0, float("-inf"))
    appended = torch.arange(length, len(places))
    mask[appended, appended] = mask[noisy, appended] = 0
    rows = torch.cat([x, timesteps.embeddings[timesteps.of[0, noisy]]])[None]
    tables = transformer._cos[places, None], transformer._sin[places, None]
    for layer in transformer._layers:
        rows = transformer._layer(layer, rows, lambda h: transformer._attention(layer, h, tables, mask, None))
    transformer._layers, layers = [], transformer._layers  # what follows the layers
    try:
        return transformer.predict(rows[:, :length])[0]
    finally:
        transformer._layers = layers


@pytest.mark.parametrize("case", FAMILIES, indirect=True)
def test_timestep_tokens_are_appended_tokens_that_only_the_tokens_of_their_level_see(case: Case) -> None:
    model, ids = Denoiser(case.transformer, case.written.first_code, Schedule("karras"), "token"), torch.tensor([case.sequences[0]])
    torch.manual_seed(1)
    level = torch.where(torch.rand(ids.shape) < 0.5, torch.randint(1, 26, ids.shape) / 25, torch.zeros(ids.shape))
    with torch.no_grad():
        x, timesteps = model.read(ids, level), model.timesteps(level)
        got = model.transformer.predict(x, timesteps)[0]
        torch.testing.assert_close(got, spelled_out(model.transformer, x[0], timesteps), rtol=1e-4, atol=1e-4)
        assert (got - model.transformer.predict(x)[0]).abs().max() > 0.01

        place = int((level[0] > 0).nonzero()[3])
        others = timesteps.of.clone()
        others[0, place] = len(timesteps.embeddings)
        changed = model.transformer.predict(x, Timesteps(torch.cat([timesteps.embeddings, -timesteps.embeddings[:1]]), others))[0]
        torch.testing.assert_close(changed[:place], got[:place])
        assert (changed[place] - got[place]).abs().max() > 1e-3


@pytest.mark.parametrize("case", ["lumina"], indirect=True)
def test_a_clean_sequence_has_the_loss_that_it_had_before(case: Case) -> None:
    ids = torch.tensor([case.sequences[0]])
    model = Denoiser(case.transformer, case.written.first_code, Schedule("karras"), "token")
    targets = (ids[:, 1:] - case.written.first_code).clamp(0, case.transformer.shape.codes - 1)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        plain = torch.nn.functional.cross_entropy(
            case.transformer.predict(case.transformer.embed(ids[:, :-1])).float().transpose(1, 2), targets, reduction="none")
        assert torch.equal(model.losses(ids[:, :-1], targets, torch.zeros(1, ids.shape[1] - 1)), plain)
