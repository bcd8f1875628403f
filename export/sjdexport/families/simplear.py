"""SimpleAR (arXiv 2504.11455): Qwen 2.5's blocks, LLaMA's with a bias on queries, keys and values, over NVIDIA Cosmos' codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ..checkpoint import Checkpoint
from ..errors import ExportError
from ..rotary import SequenceRotary
from ..transformer import Linear
from .given import Given
from .llama import Llama, LlamaFamily, hugging_face, read_sizes

CODES = 64000
QWEN_TOKENS = 151665  # of Qwen 2.5's tokenizer, whose embedding is padded to 151936 or 152064


class SimpleAR(LlamaFamily):
    """The transformer. Its image decoder, Cosmos DV8x16x16, is published as a TorchScript program, which cannot be exported."""

    name = "simplear"

    @staticmethod
    def recognises(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        """Qwen's own models have such biases too, and fewer tokens."""
        return "model.layers.0.self_attn.q_proj.bias" in checkpoint and (checkpoint.shape("model.embed_tokens.weight") or (0,))[0] >= QWEN_TOKENS + CODES

    def __init__(self, given: Given) -> None:
        layout = given.sections.get("layout", {"codes": CODES})
        self._llama = Llama(given.checkpoint, hugging_face(), read_sizes(given.config, given.folder / "config.json", {"epsilon": 1e-6, "theta": 1e6}))
        sizes = self._llama.sizes
        first = layout.get("firstCode", sizes.vocabulary - layout["codes"])  # codes were added behind all other tokens
        if not 0 <= first <= sizes.vocabulary - layout["codes"]:
            raise ExportError(f"{layout['codes']} codes from id {first} on do not fit in the vocabulary of {sizes.vocabulary}: say the layout in generation.json.")
        self.shape = self._llama.shape(layout["codes"], rotary=SequenceRotary(sizes.theta, sizes.head_dim))
        self.embedding, self.final_norm = [self._llama.embedding], self._llama.final_norm
        # Untied checkpoints have a head of their own.
        head = self._llama.head() if f"{self._llama.names.head}.weight" in given.checkpoint else self._llama.embedding
        self.head = [Linear([head.rows(first, layout["codes"])])]

    def image_decoder(self) -> NoReturn:
        raise ExportError("SimpleAR's pictures are decoded by NVIDIA Cosmos DV8x16x16, a TorchScript program, which cannot be exported yet.")

    def tokenizer(self) -> NoReturn:
        self.image_decoder()

    def generation(self) -> NoReturn:
        self.image_decoder()
