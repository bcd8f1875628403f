"""The committed model: its graphs compute what the PyTorch modules it was trained as compute."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from lanes import Lanes

from sjdexport import contract
from sjdexport.safetensors import read_header

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "onnx-models" / "emoji"
sys.path.insert(0, str(ROOT / "export" / "emoji"))

torch = pytest.importorskip("torch", reason="PyTorch is not installed (Debian: python3-torch)")

import tokens  # noqa: E402
from autoencoder import Autoencoder  # noqa: E402
from transformer import Transformer, TransformerConfig  # noqa: E402


@pytest.fixture(scope="module")
def weights() -> dict[str, "torch.Tensor"]:
    header = read_header(FOLDER / "checkpoint.safetensors")
    return {name: torch.from_numpy(tensor.float32()) for name, tensor in header.items()}


def test_transformer(runner, weights) -> None:
    text = tokens.Tokenizer()
    model = Transformer(TransformerConfig(vocab_size=text.size)).eval()
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    runner.load("built-in", FOLDER / contract.transformer_graph("fp32"))
    lanes = Lanes(runner, "built-in", json.loads((FOLDER / "model.json").read_text()), "fp32")

    prompts = [tokens.prompt(text.encode("a fox above a rocket on a blue background")), tokens.prompt([])]
    row = [*range(tokens.FIRST_CODE, tokens.FIRST_CODE + 16), tokens.ROW_END, 77]
    lanes.run(prompts)
    logits = lanes.run([row, row])
    with torch.no_grad():
        want = [model(torch.tensor([prompt + row]), slice(tokens.FIRST_CODE, tokens.FIRST_CODE + tokens.CODES))[0, -len(row):]
                for prompt in prompts]
    np.testing.assert_allclose(logits, torch.cat(want).numpy(), atol=2e-4)


def test_image_decoder(runner, weights) -> None:
    model = Autoencoder().eval()
    named = {name.removeprefix("model.vqmodel."): tensor for name, tensor in weights.items()}
    model.load_state_dict({name: named.get(name, tensor) for name, tensor in model.state_dict().items()})
    runner.load("built-in image", FOLDER / contract.IMAGE_DECODER)
    codes = np.random.default_rng(1).integers(0, tokens.CODES, (1, 16, 16))
    rgb = runner.run("built-in image", {contract.CODES: codes}, [contract.RGB])[contract.RGB]
    with torch.no_grad():
        pixels = model.decode(torch.from_numpy(codes)).clamp(-1, 1)
    want = (pixels.permute(0, 2, 3, 1).numpy() + 1) * 127.5
    assert np.abs(rgb - want).max() < 1.1
