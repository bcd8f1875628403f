"""The image tokenizer's parts: the norm with gradients of its own, the quantizer, the decoder's layout."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from emoji.autoencoder import Autoencoder, AutoencoderConfig, Quantizer  # noqa: E402
from emoji.normsilu import NormSilu  # noqa: E402


@pytest.mark.parametrize("silu", [True, False])
@pytest.mark.parametrize(("channels", "side"), [(16, 32), (24, 6)])
def test_the_norm_and_its_gradients_are_those_of_float32(silu, channels, side):
    torch.manual_seed(0)
    norm = NormSilu(8, channels)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = (2 * torch.randn(3, channels, side, side) + 1).contiguous(memory_format=torch.channels_last)
    along = torch.randn_like(x)

    def run(values: torch.Tensor) -> list[torch.Tensor]:
        norm.zero_grad()
        values = values.clone(memory_format=torch.preserve_format).requires_grad_()
        out = norm(values, silu)
        out.backward(along.to(out.dtype))
        return [out.detach().float(), values.grad.float(), norm.weight.grad.clone(), norm.bias.grad.clone()]

    for exact, fast in zip(run(x), run(x.bfloat16())):
        assert (exact - fast).norm() < 0.02 * exact.norm()


def test_the_norm_in_float32_is_pytorchs():
    x = torch.randn(2, 16, 5, 7)
    norm = NormSilu(4, 16)
    assert torch.allclose(norm(x), F.silu(F.group_norm(x, 4)), atol=1e-5)


def test_every_code_is_quantized_to_itself():
    quantizer = Quantizer(AutoencoderConfig(levels=(4, 3, 2)))
    vectors = quantizer.embedding.weight
    assert torch.equal(quantizer.codes(vectors), torch.arange(24))
    assert torch.allclose(quantizer(vectors), vectors)


def test_a_picture_is_decoded_from_its_codes_as_in_training():
    torch.manual_seed(0)
    config = AutoencoderConfig(widths=(8,) * 5, middle=8, blocks=(1,) * 5, encoder_widths=(8, 8, 8), groups=4, latent_channels=8)
    model = Autoencoder(config).eval()
    pixels = torch.rand(1, 3, 64, 96) * 2 - 1
    codes = model.encode(pixels)
    assert codes.shape == (1, 4, 6) and codes.max() < config.codes
    assert torch.allclose(model.decode(codes), model(pixels), atol=1e-4)
