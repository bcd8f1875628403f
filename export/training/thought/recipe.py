"""PCCoT (arXiv 2506.18582): the student's latent iteration, and the losses of student and teacher."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import Cache, Gpt2
from .sums import Sum
from .tokens import Tokenizer

LATENTS = 6
FULL, NONE = "chain", "none"  # variants without latent tokens; the others are a number of iterations


@dataclasses.dataclass(frozen=True)
class Batch:
    """Ids [N, T] of questions of equal length. `answers` are the answer and the end token."""

    questions: Tensor
    chains: Tensor
    answers: Tensor


def batch(sums: Sequence[Sum], tokenizer: Tokenizer) -> Batch:
    """The chain lacks its last step, which would be the answer."""
    def ids(texts: list[str]) -> Tensor:
        return torch.tensor([tokenizer.encode(text) for text in texts])

    answers = ids([each.answer for each in sums])
    ends = torch.full((len(sums), 1), tokenizer.end)
    return Batch(ids([each.question for each in sums]), ids(["".join(each.steps[:-1]) for each in sums]), torch.cat([answers, ends], dim=1))


def repeat(ids: Sequence[int], count: int) -> Tensor:
    return torch.tensor([ids]).expand(count, -1)


def think(model: Gpt2, tokenizer: Tokenizer, questions: Tensor, iterations: int) -> Cache:
    """Keys and values of question, <bot> and latent tokens after this many iterations, ready for <eot>."""
    start = torch.cat([questions, repeat([tokenizer.begin_thought] + [tokenizer.latent] * LATENTS, len(questions))], dim=1)
    boundary = questions.shape[1] + 1
    hidden, cache, _ = model(model.embed(start))
    question = [(k[:, :, :boundary], v[:, :, :boundary]) for k, v in cache]
    latents = hidden[:, boundary - 1 : -1]
    for _ in range(iterations):
        hidden, cache, _ = model(latents, question)
        latents = torch.cat([latents[:, :1], hidden[:, :-1]], dim=1)
    return cache


def loss(model: Gpt2, tokenizer: Tokenizer, examples: Batch, variant: str) -> dict[str, Tensor]:
    """The parts of the loss: `teacher`, `student` and `distillation` for a number of iterations, else one of the first two."""
    count = len(examples.questions)
    prompt = repeat(tokenizer.answer_prompt, count)
    if variant == NONE:
        return {"student": spoken(model, torch.cat([examples.questions, prompt, examples.answers], dim=1), examples.questions.shape[1])[0]}
    taught = torch.cat([examples.questions, examples.chains, prompt, examples.answers], dim=1)
    teacher, states = spoken(model, taught, examples.questions.shape[1])
    if variant == FULL:
        return {"teacher": teacher}
    cache = think(model, tokenizer, examples.questions, int(variant))
    ids = torch.cat([repeat([tokenizer.end_thought], count), prompt, examples.answers], dim=1)
    hidden, _, own = model(model.embed(ids), cache)
    student = F.cross_entropy(model.logits(hidden[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    at = taught.shape[1] - examples.answers.shape[1] - 1  # the prompt's last token
    return {"teacher": teacher, "student": student, "distillation": distillation(
        [state[:, at] for state in states], [state[:, prompt.shape[1]] for state in own])}


def spoken(model: Gpt2, ids: Tensor, first: int) -> tuple[Tensor, list[Tensor]]:
    """The mean cross-entropy of all ids from `first` on, and each layer's hidden states."""
    hidden, _, states = model(model.embed(ids[:, :-1]))
    return F.cross_entropy(model.logits(hidden[:, first - 1 :]).flatten(0, 1), ids[:, first:].flatten()), states


def distillation(teacher: Sequence[Tensor], student: Sequence[Tensor]) -> Tensor:
    """The mean over layers of smooth L1 of hidden states [N, D], each divided by the standard deviation of the teacher's."""
    parts = [F.smooth_l1_loss(own, aim.detach()) / aim.detach().std() for aim, own in zip(teacher, student)]
    return torch.stack(parts).mean()


@torch.no_grad()
def answer(model: Gpt2, tokenizer: Tokenizer, questions: Tensor, variant: str, most: int) -> list[list[int]]:
    """Decodes greedily after question (and latent tokens), up to `most` tokens or the end token, which is left out."""
    prompt = repeat(tokenizer.answer_prompt, len(questions))
    if variant == FULL:
        ids, cache = questions, None
    elif variant == NONE:
        ids, cache = torch.cat([questions, prompt], dim=1), None
    else:
        cache = think(model, tokenizer, questions, int(variant))
        ids = torch.cat([repeat([tokenizer.end_thought], len(questions)), prompt], dim=1)
    found = []
    for _ in range(most):
        hidden, cache, _ = model(model.embed(ids), cache)
        ids = model.logits(hidden[:, -1]).argmax(dim=-1)[:, None]
        found.append(ids)
    rows = torch.cat(found, dim=1).tolist()
    return [row[: row.index(tokenizer.end)] if tokenizer.end in row else row for row in rows]
