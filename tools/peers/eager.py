"""The same models in PyTorch, operation by operation, as research code runs them: float32, with a cache, both lanes in a batch.

The harness starts it with the options of its command `sample`, and it prints the same line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "export"))

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from sjdexport.checkpoint import open_checkpoint  # noqa: E402
from torch import Tensor  # noqa: E402

ENOUGH = 1.5  # seconds


class Decoder:
    """Prompts are padded on the left to one length, and no query sees the padding."""

    def __init__(self, description: dict) -> None:
        folder = Path(description["checkpoint"])
        checkpoint, self.config = open_checkpoint(folder), json.loads((folder / "config.json").read_text())
        self.w = {name: torch.from_numpy(checkpoint.tensor(name, *checkpoint.shape(name)).float32().copy())
                  for name in checkpoint.names() if name.startswith(("model.layers.", "model.embed", "model.norm", "lm_head"))}
        first = description["firstCode"]
        self.head = self.w["lm_head.weight"][first : first + description["codes"]]
        self.heads = self.config["num_attention_heads"]
        channels = self.config["hidden_size"] // self.heads
        self.frequencies = self.config["rope_theta"] ** (-torch.arange(0, channels, 2) / channels)

    def start(self, prompts: list[list[int]]) -> Tensor:
        longest = max(map(len, prompts))
        self.padding = torch.tensor([longest - len(prompt) for prompt in prompts])
        self.caches: list[tuple[Tensor, Tensor] | None] = [None] * self.config["num_hidden_layers"]
        self.length = 0
        return self.read(torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts]))

    def read(self, ids: Tensor) -> Tensor:
        """Reads ids [lanes, n]; returns the logits of all codes after the last one, [lanes, codes]."""
        places = torch.arange(self.length, self.length + ids.shape[1])
        self.length += ids.shape[1]
        keys = torch.arange(self.length)
        seen = (keys <= places[:, None]) & (keys >= self.padding[:, None, None])  # [lanes, n, keys]
        self.hidden = torch.zeros(seen.shape).masked_fill(~(seen | (keys == places[:, None])), -torch.inf)[:, None]
        angles = (places - self.padding[:, None])[..., None] * self.frequencies
        self.cos, self.sin = angles.cos()[:, :, None], angles.sin()[:, :, None]
        x = self.w["model.embed_tokens.weight"][ids]
        for layer in range(self.config["num_hidden_layers"]):
            name = f"model.layers.{layer}."
            x = x + self.attention(layer, f"{name}self_attn.", self.norm(x, f"{name}input_layernorm"))
            h = self.norm(x, f"{name}post_attention_layernorm")
            gate, up = (F.linear(h, self.w[f"{name}mlp.{part}_proj.weight"]) for part in ("gate", "up"))
            x = x + F.linear(F.silu(gate) * up, self.w[f"{name}mlp.down_proj.weight"])
        return F.linear(self.norm(x[:, -1], "model.norm"), self.head)

    def attention(self, layer: int, name: str, x: Tensor) -> Tensor:
        q, k, v = (F.linear(x, self.w[f"{name}{part}_proj.weight"]).unflatten(-1, (self.heads, -1)) for part in "qkv")
        if f"{name}q_norm.weight" in self.w:
            q, k = (F.layer_norm(h, h.shape[-1:]) * self.w[f"{name}{part}_norm.weight"] + self.w[f"{name}{part}_norm.bias"]
                    for h, part in ((q, "q"), (k, "k")))
        q, k = self.rotate(q), self.rotate(k)
        if (before := self.caches[layer]) is not None:
            k, v = torch.cat([before[0], k], dim=1), torch.cat([before[1], v], dim=1)
        self.caches[layer] = k, v
        q, k, v = (h.transpose(1, 2) for h in (q, k, v))
        weights = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5 + self.hidden).softmax(-1)
        return F.linear((weights @ v).transpose(1, 2).flatten(2), self.w[f"{name}o_proj.weight"])

    def rotate(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * self.cos - second * self.sin, second * self.cos + first * self.sin], dim=-1)

    def norm(self, x: Tensor, name: str) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.config["rms_norm_eps"]) * self.w[f"{name}.weight"]


def draw(decoder: Decoder, description: dict, lanes: int) -> tuple[list[int], float, float]:
    """The codes of an image, its time in seconds, and when its first token was known."""
    start, first = time.monotonic(), 0.0
    codes: list[int] = []
    logits = decoder.start([description["conditional"], description["unconditional"]][:lanes])
    for i in range(description["rows"] * description["columns"]):
        if i:
            ids = [description["firstCode"] + codes[-1], *(description["rowSuffix"] if i % description["columns"] == 0 else [])]
            logits = decoder.read(torch.tensor([ids] * lanes))
        mixed = logits[0] if lanes == 1 else logits[1] + description["guidance"] * (logits[0] - logits[1])
        codes.append(int(mixed.argmax()))
        first = first or time.monotonic()
    return codes, time.monotonic() - start, first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, type in (("out", Path), ("model", str), ("precision", str), ("lanes", int), ("engine", str), ("threads", int), ("round", int),
                       ("started", int)):
        parser.add_argument(f"--{name}", type=type, required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    started, start = args.started / 1e9, time.monotonic()
    description = json.loads((args.out / "models" / args.model / "peers.json").read_text())
    decoder = Decoder(description)
    load = time.monotonic() - start
    with torch.inference_mode():
        codes, seconds, first = draw(decoder, description, args.lanes)
        first_image, images = time.monotonic() - started, []
        if seconds > 2 * ENOUGH:
            images.append(seconds)  # too slow for another one, and nothing is compiled
        while sum(images) < ENOUGH:
            images.append(draw(decoder, description, args.lanes)[1])
    print(json.dumps({
        "cell": {name: getattr(args, name) for name in ("model", "precision", "lanes", "engine")}, "round": args.round, "load": load,
        "firstToken": first - started, "firstImage": first_image, "images": images, "tokens": len(codes),
        "greedy": codes if args.round == 0 else None, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()
