"""The recipe of PCCoT: latent iteration, losses, greedy answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.thought import recipe
from training.thought.model import Config, Gpt2
from training.thought.sums import sums
from training.thought.tokens import Tokenizer

TOKENIZER = Tokenizer()


@pytest.fixture
def model() -> Gpt2:
    torch.manual_seed(3)
    model = Gpt2(Config(len(TOKENIZER.ids), n_embd=16))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


def questions(steps: int = 3) -> torch.Tensor:
    return recipe.batch(sums(np.random.default_rng(1), 4, steps), TOKENIZER).questions


def in_order(model: Gpt2, ids: torch.Tensor) -> list[torch.Tensor]:
    """The keys of the last layer of thoughts that are computed one after another."""
    begin = torch.cat([ids, recipe.repeat([TOKENIZER.begin_thought], len(ids))], dim=1)
    hidden, cache, _ = model(model.embed(begin))
    for _ in range(recipe.LATENTS):
        hidden, cache, _ = model(hidden[:, -1:], cache)
    return cache[-1][0]


@torch.no_grad()
def test_as_many_iterations_as_thoughts_are_thoughts_one_after_another(model: Gpt2) -> None:
    ids = questions()
    exact = in_order(model, ids)
    for iterations in range(recipe.LATENTS + 3):
        keys = recipe.think(model, TOKENIZER, ids, iterations)[-1][0]
        first = ids.shape[1] + 1
        equal = [torch.allclose(keys[:, :, : first + n], exact[:, :, : first + n], atol=1e-4) for n in range(recipe.LATENTS + 1)]
        # Pass 0 reads <latent> at all places; each iteration makes one more thought exact.
        assert equal == [n <= iterations for n in range(recipe.LATENTS + 1)]


def test_gradients_reach_the_latent_token_through_all_iterations(model: Gpt2) -> None:
    # The first thought never depends on it, and iteration k makes thought k + 1 independent of it too.
    for iterations, depends in ((0, True), (1, True), (recipe.LATENTS - 1, True), (recipe.LATENTS, False)):
        model.zero_grad()
        recipe.think(model, TOKENIZER, questions(), iterations)[-1][1].square().sum().backward()
        assert (model.transformer.wte.weight.grad[TOKENIZER.latent].abs().max() > 1e-9) == depends


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_the_chain_lacks_its_last_step(steps: int) -> None:
    examples = sums(np.random.default_rng(0), 3, steps)
    batch = recipe.batch(examples, TOKENIZER)
    assert batch.chains.shape == (3, steps - 1)
    for row, answer, example in zip(batch.chains.tolist(), batch.answers.tolist(), examples):
        assert row == [TOKENIZER.ids[f"Ġ{result.strip()}"] for result in example.steps[:-1]]
        assert answer == [TOKENIZER.ids[example.answer], TOKENIZER.end]


def test_distillation_divides_each_layer_by_the_teachers_deviation() -> None:
    teacher = [torch.tensor([[0.0, 4.0], [8.0, 4.0]]), torch.tensor([[1.0, -1.0], [1.0, -1.0]])]
    student = [teacher[0] + 0.5, teacher[1] + 3.0]
    parts = [0.5 * 0.5**2 / teacher[0].std(), 2.5 / teacher[1].std()]  # smooth L1: half the square below 1, less a half above
    assert float(recipe.distillation(teacher, student)) == pytest.approx(float(sum(parts) / 2))


def test_distillation_trains_the_student_alone(model: Gpt2) -> None:
    examples = recipe.batch(sums(np.random.default_rng(0), 4, 2), TOKENIZER)
    teacher = [torch.randn(4, 16, requires_grad=True) for _ in range(2)]
    student = [torch.randn(4, 16, requires_grad=True) for _ in range(2)]
    recipe.distillation(teacher, student).backward()
    assert all(each.grad is None for each in teacher) and all(each.grad is not None for each in student)
    assert set(recipe.loss(model, TOKENIZER, examples, "2")) == {"teacher", "student", "distillation"}
    assert set(recipe.loss(model, TOKENIZER, examples, recipe.FULL)) == {"teacher"}
    assert set(recipe.loss(model, TOKENIZER, examples, recipe.NONE)) == {"student"}


@torch.no_grad()
@pytest.mark.parametrize("variant", [recipe.FULL, recipe.NONE, "0", "3"])
def test_answers_are_what_the_losses_expect(variant: str, model: Gpt2) -> None:
    """The likeliest token after the prompt, from the passes of the loss, is the first token of the answer."""
    examples = recipe.batch(sums(np.random.default_rng(2), 6, 3), TOKENIZER)
    prompt = recipe.repeat(TOKENIZER.answer_prompt, 6)
    if variant == recipe.FULL:
        ids, cache = examples.questions, None
    elif variant == recipe.NONE:
        ids, cache = torch.cat([examples.questions, prompt], dim=1), None
    else:
        cache = recipe.think(model, TOKENIZER, examples.questions, int(variant))
        ids = torch.cat([recipe.repeat([TOKENIZER.end_thought], 6), prompt], dim=1)
    expected = model.logits(model(model.embed(ids), cache)[0][:, -1]).argmax(dim=-1).tolist()
    found = recipe.answer(model, TOKENIZER, examples.questions, variant, most=3)
    assert [row[0] if row else TOKENIZER.end for row in found] == expected
    assert all(len(row) <= 3 and TOKENIZER.end not in row for row in found)
