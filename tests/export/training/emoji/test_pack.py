"""pack.py turns a training folder into a checkpoint that the exporter reads, and the exported decoder draws the same pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.exports import run_export
from training.checkpoints import save
from training.emoji import pack, tokens, train
from training.emoji.autoencoder import Autoencoder, AutoencoderConfig
from training.transformer import Transformer, TransformerConfig

SHAPE = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 32}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A training folder of untrained networks. The autoencoder is the real one, but narrower."""
    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    config = AutoencoderConfig(widths=(8, 8, 16, 16, 16), middle=32, encoder_widths=(8, 8, 8))
    text = tokens.train_tokenizer(captions=50, merges=40)
    text.save(folder / "tokenizer.json")
    shape = TransformerConfig(vocab_size=text.size, **SHAPE)
    for name, model, of in (("decoder", Autoencoder(config), config), ("transformer", Transformer(shape), shape)):
        save(folder / f"{name}.pt", {"step": 1, "steps": 1, "config": vars(of), "model": model.state_dict()})
    return folder


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("exported")
    pack.write_checkpoint(trained, out)
    done = run_export("--family", "chameleon", "--checkpoint", out, "--out", out, "--precision", "fp32")
    assert done.returncode == 0, done.stderr
    return out


def test_the_manifest_names_4096_codes_and_the_tokens_after_each_row_and_picture(exported):
    layout = json.loads((exported / "model.json").read_text())["layout"]
    assert (layout["firstCode"], layout["codes"]) == (tokens.VOCABULARY.first_code, 4096)
    assert layout["rowSuffix"] == [tokens.VOCABULARY.row_end] and layout["suffix"] == [tokens.VOCABULARY.image_end]


def test_the_exported_decoder_draws_the_same_picture_as_the_trained_one(trained, exported, runner, sprites):
    model = train.Run(trained, "cpu", sprites).autoencoder("decoder")
    codes = np.random.default_rng(1).integers(0, 4096, (1, 16, 16))
    runner.load("emoji", exported / "image_decoder.onnx")
    drawn = runner.run("emoji", {"codes": codes.astype(np.int64)}, ["rgb"])["rgb"][0].astype(np.float64)
    with torch.no_grad():
        wanted = (model.decode(torch.from_numpy(codes))[0].clamp(-1, 1) + 1) * 127.5
    assert np.abs(drawn + 0.5 - wanted.permute(1, 2, 0).numpy()).max() < 1.5  # truncated, and weights of 16 bits
