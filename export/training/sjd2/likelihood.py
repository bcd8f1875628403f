"""Prints how probable a model finds the pictures that it drew, by method, from traces of `sjd generate --trace`.

    cd export
    python3 -m training.sjd2.likelihood training/checkpoints/sjd2 trace-*.json

It reads each picture's codes one after another, as plain decoding does, and needs the checkpoint that the model was exported from: the
built-in model's or one that was fine-tuned from it. The table has nats per code (how improbable the codes were), the entropy of the
distributions that they should have been drawn from, and z: the sum of the differences over its standard deviation. If codes are drawn from
these distributions, z is standard normal, whatever the model. Below 0, the codes were more probable than draws are.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sjdexport.exporter import open_family

from ..noto_emoji.tokens import VOCABULARY, train_tokenizer
from ..vocabulary import NO_TARGET
from .model import SourceTransformer


class Sums(NamedTuple):
    """Sums over a picture's codes."""

    codes: int
    nats: float
    entropy: float
    variance: float  # of the nats, if the codes are drawn from the distributions


def judge(logits: Tensor, codes: Tensor) -> Sums:
    """Sums over codes [N] with the logits [N, codes] that they should have been drawn from."""
    chances = torch.log_softmax(logits.double(), dim=-1)
    p = chances.exp()
    entropy = -(p * chances).sum(dim=-1)
    variance = (p * chances.square()).sum(dim=-1) - entropy.square()
    nats = -chances.gather(1, codes[:, None])
    return Sums(len(codes), float(nats.sum()), float(entropy.sum()), float(variance.sum()))


@torch.no_grad()
def guided(transformer: SourceTransformer, prompts: list[list[int]], codes: np.ndarray, guidance: float) -> Tensor:
    """Logits [codes, codebook] of a picture's codes [rows, columns], with a conditional and an unconditional prompt."""
    lanes = []
    for prompt in prompts:
        ids, targets = VOCABULARY.sequences([prompt], codes[None])
        lanes.append(transformer.predict(transformer.embed(ids))[0][targets[0] != NO_TARGET])
    conditional, unconditional = lanes
    return unconditional + guidance * (conditional - unconditional)


def row(pictures: list[Sums]) -> str:
    """A table row of some pictures."""
    codes, nats, entropy, variance = map(sum, zip(*pictures))
    return f"{len(pictures)} | {nats / codes:.3f} | {entropy / codes:.3f} | {(nats - entropy) / math.sqrt(variance):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="the checkpoint that the model was exported from")
    parser.add_argument("traces", nargs="+", type=Path, help="files that sjd generate --trace wrote, with the model's default sampling")
    parser.add_argument("--guidance", type=float, default=3.0, help="of the pictures (default: %(default)s)")
    options = parser.parse_args()
    given, family = open_family(None, options.checkpoint, None, None, None)
    transformer, text = SourceTransformer(family, given.checkpoint), train_tokenizer()
    groups: dict[tuple[str, str], list[Sums]] = defaultdict(list)
    for path in options.traces:
        trace = json.loads(path.read_text(encoding="utf-8"))
        codes = np.array(trace["codes"]).reshape(trace["rows"], trace["columns"])
        prompts = [VOCABULARY.prompt(text.encode(words)) for words in (trace["prompt"], "")]
        logits = guided(transformer, prompts, codes, options.guidance)
        steps = (trace["method_options"] or {}).get("denoising_steps")
        method = trace["method"] + (f", {steps} steps" if steps else "")
        groups[method, str(trace["window"])].append(judge(logits, torch.from_numpy(codes.reshape(-1))))
    print("| method | window | pictures | nats per code | entropy | z |\n|---|---|---|---|---|---|")
    for (method, window), pictures in sorted(groups.items()):
        print(f"| {method} | {window} | {row(pictures)} |")


if __name__ == "__main__":
    main()
