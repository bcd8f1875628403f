"""The graphs of onnx-models/emoji give the same results as the PyTorch modules that were trained."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from harness.lanes import Lanes
from harness.runner import ROOT, Runner
from sjdexport import contract
from sjdexport.safetensors import read_header
from training.noto_emoji.autoencoder import Autoencoder
from training.noto_emoji.tokens import VOCABULARY, train_tokenizer
from training.noto_emoji.train_transformer import config
from training.transformer import Transformer

FOLDER = ROOT / "onnx-models" / "emoji"


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    header = read_header(FOLDER / "checkpoint.safetensors")
    return {name: torch.from_numpy(tensor.float32()) for name, tensor in header.items()}


def test_the_transformer_graph_gives_the_logits_of_the_trained_transformer(runner: Runner, weights: dict[str, torch.Tensor]) -> None:
    text = train_tokenizer()
    model = Transformer(config(text.size)).eval()
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    runner.load("built-in", FOLDER / contract.transformer_graph("fp32"))
    lanes = Lanes(runner, "built-in", json.loads((FOLDER / "model.json").read_text()), "fp32")

    prompts = [VOCABULARY.prompt(text.encode("a fox above a rocket on a blue background")), VOCABULARY.prompt([])]
    row = [*range(VOCABULARY.first_code, VOCABULARY.first_code + 16), VOCABULARY.row_end, 77]
    lanes.run(prompts)
    logits = lanes.run([row, row])
    with torch.no_grad():
        want = [model(torch.tensor([prompt + row]), VOCABULARY.code_columns)[0, -len(row) :] for prompt in prompts]
    np.testing.assert_allclose(logits, torch.cat(want).numpy(), atol=2e-4)


def test_the_image_decoder_graph_gives_the_pixels_of_the_trained_decoder(runner: Runner, weights: dict[str, torch.Tensor]) -> None:
    model = Autoencoder().eval()
    named = {name.removeprefix("model.vqmodel."): tensor for name, tensor in weights.items()}
    model.load_state_dict({name: named.get(name, tensor) for name, tensor in model.state_dict().items()})
    runner.load("built-in image", FOLDER / contract.IMAGE_DECODER)
    codes = np.random.default_rng(1).integers(0, VOCABULARY.codes, (1, 16, 16))
    rgb = runner.run("built-in image", {contract.CODES: codes}, [contract.RGB])[contract.RGB]
    with torch.no_grad():
        pixels = model.decode(torch.from_numpy(codes)).clamp(-1, 1)
    want = (pixels.permute(0, 2, 3, 1).numpy() + 1) * 127.5
    assert np.abs(rgb - want).max() < 1.1
