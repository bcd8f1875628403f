"""The graphs of all published image decoders, compared with PyTorch, for random weights under the checkpoints' names."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from harness import image_decoder_reference as reference
from harness.runner import Runner
from sjdexport import contract
from sjdexport.checkpoint import Checkpoint
from sjdexport.errors import ExportError
from sjdexport.graph import FLOAT, Graph
from sjdexport.image_decoders import ImageDecoder, Movq, Vq16, Vqgan
from sjdexport.image_decoders.blocks import Blocks
from sjdexport.safetensors import write_safetensors
from sjdexport.weights import Weights

TOLERANCE = 1e-4  # of pixels in [-1, 1], before they become bytes


@dataclasses.dataclass(frozen=True)
class Kind:
    model: Callable[[], reference.Model]
    prefix: str
    decoder: Callable[[Checkpoint, str], ImageDecoder]
    rounded: bool


KINDS = {
    "chameleon": Kind(reference.Vqgan, "model.vqmodel.", Vqgan, rounded=False),
    "llamagen": Kind(reference.LlamaGen, "", lambda *checkpoint: Vq16(*checkpoint, rounded=True), rounded=True),
    "janus": Kind(reference.LlamaGen, "gen_vision_model.", Vq16, rounded=False),
    "janus-hf": Kind(reference.LlamaGen.hugging_face, "model.vqmodel.", Vq16, rounded=False),
    "emu3": Kind(reference.Emu3, "", Movq, rounded=False),
    "lumina2": Kind(reference.Movq, "", Movq, rounded=True),
}
CODES = {
    "square": np.random.default_rng(1).integers(0, reference.CODES, (4, 4)),
    "wide": np.random.default_rng(2).integers(0, reference.CODES, (2, 5)),
    "high": np.random.default_rng(3).integers(0, reference.CODES, (7, 3)),
    "constant": np.full((4, 4), 11),
    "single": np.full((1, 1), 5),
}


class Case:
    """A random model, its checkpoint and its loaded graph, which also returns pixels before they become bytes."""

    def __init__(self, kind: Kind, folder: Path, runner: Runner, session: str) -> None:
        self.rounded, self._runner, self._session = kind.rounded, runner, session
        self.model = kind.model().eval()
        reference.randomize(self.model, seed=7)
        checkpoint = write_checkpoint(folder, self.model, kind.prefix)
        self.decoder = kind.decoder(checkpoint, kind.prefix)
        graph = Graph("image_decoder")
        self.decoder.build(graph, Weights(graph, folder / "image_decoder.data", share_from=folder))
        graph.output("clipped", FLOAT, [1, 3, "H", "W"])
        graph.save(folder / contract.IMAGE_DECODER)
        runner.load(session, folder / contract.IMAGE_DECODER)

    def run(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels [3, H, W] in [-1, 1] and bytes [H, W, 3]."""
        outputs = self._runner.run(self._session, {contract.CODES: codes[None].astype(np.int64)}, ["clipped", contract.RGB])
        return outputs["clipped"][0], outputs[contract.RGB][0]

    def want(self, codes: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self.model(torch.from_numpy(codes)).clamp(-1, 1).numpy()


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest, runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(KINDS[request.param], tmp_path_factory.mktemp(request.param), runner, f"image {request.param}")


@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("case", KINDS, indirect=True)
def test_pixels_match_the_reference(case: Case, codes: str) -> None:
    pixels, rgb = case.run(CODES[codes])
    want = case.want(CODES[codes])
    assert want.std() > 0.1  # else all would be clipped, or all gray
    np.testing.assert_allclose(pixels, want, rtol=0, atol=TOLERANCE)
    levels = np.floor((want.transpose(1, 2, 0) + 1) * 127.5 + (0.5 if case.rounded else 0)).clip(0, 255)
    assert np.abs(rgb.astype(int) - levels).max() <= 1
    assert (rgb == levels).mean() > 0.97


@pytest.mark.parametrize("case", KINDS, indirect=True)
def test_pictures_have_pixels_per_code_times_the_size_of_the_codes(case: Case) -> None:
    codes = CODES["wide"]
    _, rgb = case.run(codes)
    assert rgb.shape == (codes.shape[0] * case.decoder.pixels_per_code, codes.shape[1] * case.decoder.pixels_per_code, 3)


@pytest.mark.parametrize("case", KINDS, indirect=True)
def test_every_code_has_its_own_picture(case: Case) -> None:
    pictures = {case.run(np.full((1, 1), code))[1].tobytes() for code in range(reference.CODES)}
    assert len(pictures) == reference.CODES


@pytest.mark.parametrize("case", ["emu3"], indirect=True)
def test_the_first_frame_does_not_depend_on_later_ones(case: Case) -> None:
    video = np.random.default_rng(4).integers(0, reference.CODES, (2, 3, 4))
    with torch.no_grad():
        frames = case.model.video(torch.from_numpy(video)).clamp(-1, 1).numpy()
    pixels, _ = case.run(video[0])
    assert len(frames) == 8
    np.testing.assert_allclose(pixels, frames[0], rtol=0, atol=TOLERANCE)
    for later in frames[1:]:
        assert np.abs(later - frames[0]).max() > 0.1


def test_attention_matches_the_reference_over_several_blocks(runner: Runner, tmp_path: Path) -> None:
    """ONNX Runtime computes attention in blocks of queries and keys, whose size depends on the second-level cache."""
    height, width = 40, 50
    model = nn.Module()
    model.attn = reference.Attention(64, reference.GroupNorm)
    reference.randomize(model, seed=5)
    graph = Graph("attention")
    blocks = Blocks(graph, Weights(graph, tmp_path / "attention.data"), write_checkpoint(tmp_path, model), "")
    blocks.attention("attn", graph.input("x", FLOAT, [1, 64, "h", "w"]))
    graph.output("attn", FLOAT, [1, 64, "h", "w"])
    graph.save(tmp_path / "attention.onnx")
    runner.load("attention", tmp_path / "attention.onnx")

    x = 3 * torch.randn(1, 64, height, width, generator=torch.Generator().manual_seed(6))
    with torch.no_grad():
        want = model.attn(x, None).numpy()
    np.testing.assert_allclose(runner.run("attention", {"x": x.numpy()}, ["attn"])["attn"], want, rtol=0, atol=1e-4)


MISSING = {
    "chameleon": ["decoder.conv_in.weight", "decoder.up.1.block.0.norm2.bias", "decoder.up.2.attn.0.q.weight", "quantize.embedding.weight"],
    "janus": ["decoder.conv_blocks.1.res.0.conv1.weight", "decoder.mid.1.proj_out.bias", "post_quant_conv.weight"],
    "emu3": ["decoder.time_res_stack.0.norm1.running_var", "decoder.time_conv.0.conv.conv.weight", "decoder.mid.attn_1.norm.conv_y.bias"],
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in MISSING.items() for name in names])
def test_a_missing_tensor_is_named(tmp_path: Path, kind: str, name: str) -> None:
    with pytest.raises(ExportError, match=KINDS[kind].prefix + name):
        build(KINDS[kind], tmp_path, leave_out=name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_without_a_decoder_is_refused(tmp_path: Path, kind: str) -> None:
    write_safetensors(tmp_path / "model.safetensors", {"lm_head.weight": np.zeros((2, 2), np.float32)})
    with pytest.raises(ExportError, match=r"decoder\.up\.0\.block\.0\.conv1\.weight"):
        KINDS[kind].decoder(Checkpoint(tmp_path), KINDS[kind].prefix)


@pytest.mark.parametrize(("kind", "name", "shape", "expected"), [
    ("chameleon", "post_quant_conv.weight", (8, 5, 1, 1), "[any, 6, any, any]"),
    ("emu3", "post_quant_conv.conv.weight", (4, 4, 1, 1, 1), "[any, any, 3, any, any]"),
    ("lumina2", "decoder.norm_out.conv_b.weight", (16, 4, 1, 1), "[32, any, 1, 1]"),
    ("lumina2", "decoder.norm_out.norm_layer.weight", (33,), "33 channels; expected a multiple of 32 groups"),
])
def test_a_tensor_with_another_shape_is_named(tmp_path: Path, kind: str, name: str, shape: tuple[int, ...], expected: str) -> None:
    with pytest.raises(ExportError) as error:
        build(KINDS[kind], tmp_path, replaced={name: np.ones(shape, np.float32)})
    assert KINDS[kind].prefix + name in str(error.value) and expected in str(error.value)


def build(kind: Kind, folder: Path, leave_out: str = "", replaced: dict[str, np.ndarray] | None = None) -> None:
    checkpoint = write_checkpoint(folder, kind.model(), kind.prefix, leave_out, replaced)
    graph = Graph("image_decoder")
    kind.decoder(checkpoint, kind.prefix).build(graph, Weights(graph, folder / "image_decoder.data", share_from=folder))


def write_checkpoint(
    folder: Path, model: nn.Module, prefix: str = "", leave_out: str = "", replaced: dict[str, np.ndarray] | None = None
) -> Checkpoint:
    tensors = {name: values.numpy() for name, values in model.state_dict().items() if values.is_floating_point() and name != leave_out}
    write_safetensors(folder / "model.safetensors", {prefix + name: values for name, values in {**tensors, **(replaced or {})}.items()})
    return Checkpoint(folder)
