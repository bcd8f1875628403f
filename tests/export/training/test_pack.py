"""A trained folder becomes a checkpoint that the exporter reads, and the exported decoder draws what the trained one does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from emoji import pack, tokens, train  # noqa: E402
from emoji.autoencoder import Autoencoder, AutoencoderConfig  # noqa: E402
from emoji.loop import save  # noqa: E402
from emoji.transformer import Transformer, TransformerConfig  # noqa: E402

EXPORT = Path(__file__).resolve().parents[3] / "export" / "export.py"
SHAPE = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 32}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A training folder with networks that were never trained; the autoencoder has the shape of the real one, but narrow."""
    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    config = AutoencoderConfig(widths=(8, 8, 16, 16, 16), middle=32, encoder_widths=(8, 8, 8))
    text = tokens.Tokenizer(tokens.train_merges(tokens.sample_captions(50), 40))
    text.save(folder / "tokenizer.json")
    shape = TransformerConfig(vocab_size=text.size, **SHAPE)
    for name, model, of in (("decoder", Autoencoder(config), config), ("transformer", Transformer(shape), shape)):
        save(folder / f"{name}.pt", {"step": 1, "steps": 1, "config": vars(of), "model": model.state_dict()})
    return folder


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("exported")
    pack.write_checkpoint(trained, out)
    command = [sys.executable, EXPORT, "--family", "chameleon", "--checkpoint", out, "--out", out, "--precision", "fp32"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def test_the_model_folder_has_the_layout_of_256_codes_with_row_ends(exported):
    layout = json.loads((exported / "model.json").read_text())["layout"]
    assert (layout["firstCode"], layout["codes"]) == (tokens.FIRST_CODE, 4096)
    assert layout["rowSuffix"] == [tokens.ROW_END] and layout["suffix"] == [tokens.IMAGE_END]


def test_the_exported_decoder_draws_what_the_trained_one_does(trained, exported, runner, sprites):
    model = train.Place(trained, "cpu", sprites).autoencoder("decoder")
    codes = np.random.default_rng(1).integers(0, 4096, (1, 16, 16))
    runner.load("emoji", exported / "image_decoder.onnx")
    drawn = runner.run("emoji", {"codes": codes.astype(np.int64)}, ["rgb"])["rgb"][0].astype(np.float64)
    with torch.no_grad():
        wanted = (model.decode(torch.from_numpy(codes))[0].clamp(-1, 1) + 1) * 127.5
    assert np.abs(drawn + 0.5 - wanted.permute(1, 2, 0).numpy()).max() < 1.5  # truncated, and weights of 16 bits
