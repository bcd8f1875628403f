"""The parts of the image tokenizer: the norm with hand-written gradients, the quantizer, encoder and decoder."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from training.emoji.autoencoder import Autoencoder, AutoencoderConfig
from training.image_tokenizer import Quantizer
from training.norm_silu import NormSilu


@pytest.mark.parametrize("silu", [True, False])
@pytest.mark.parametrize(("channels", "side"), [(16, 32), (24, 6)])
def test_the_norm_and_its_gradients_in_bfloat16_are_close_to_those_in_float32(silu, channels, side):
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


def test_the_norm_in_float32_equals_pytorchs_group_norm_and_silu():
    x = torch.randn(2, 16, 5, 7)
    norm = NormSilu(4, 16)
    assert torch.allclose(norm(x), F.silu(F.group_norm(x, 4)), atol=1e-5)


def test_every_code_is_quantized_to_itself():
    quantizer = Quantizer((4, 3, 2))
    vectors = quantizer.embedding.weight
    assert torch.equal(quantizer.codes(vectors), torch.arange(24))
    assert torch.allclose(quantizer(vectors), vectors)


def test_decoding_the_codes_of_a_picture_gives_the_same_pixels_as_the_pass_in_training():
    torch.manual_seed(0)
    config = AutoencoderConfig(widths=(8,) * 5, middle=8, blocks=(1,) * 5, encoder_widths=(8, 8, 8), groups=4, latent_channels=8)
    model = Autoencoder(config).eval()
    pixels = torch.rand(1, 3, 64, 96) * 2 - 1
    codes = model.encode(pixels)
    assert codes.shape == (1, 4, 6) and codes.max() < config.codes
    assert torch.allclose(model.decode(codes), model(pixels), atol=1e-4)
