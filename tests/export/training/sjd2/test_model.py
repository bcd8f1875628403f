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
from training.sjd2.model import SourceTransformer

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
