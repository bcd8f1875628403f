"""The questions, their tokens, and the training from end to end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.exports import run_export
from harness.runner import Runner
from harness.thought_graph import Graph
from training import checkpoints
from training.thought import pack, questions, recipe, table, train
from training.thought.model import Config, Gpt2
from training.thought.sums import MODULUS, evaluation_questions, sums
from training.thought.tokens import Tokenizer


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_sums_are_worked_from_left_to_right(steps: int) -> None:
    for example in sums(np.random.default_rng(steps), 200, steps):
        first, *rest = re.findall(r"[-+*]?\d", example.question)
        value, results = int(first), []
        for each in rest:
            value = {"+": value + int(each[1]), "-": value - int(each[1]), "*": value * int(each[1])}[each[0]] % MODULUS
            results.append(f" {value}")
        assert (list(example.steps), example.answer, len(rest)) == (results, str(value), steps)
        assert "*0" not in example.question


def test_the_evaluation_questions_questions_are_the_same_each_time_and_of_all_lengths() -> None:
    questions = evaluation_questions(30)
    assert questions == evaluation_questions(30)
    assert [len(each.steps) for each in questions] == [2] * 10 + [3] * 10 + [4] * 10


def test_questions_get_longer_in_the_course_of_the_training() -> None:
    assert train.lengths(1, 100) == train.lengths(20, 100) == (1, 0, 0)
    assert train.lengths(21, 100) == train.lengths(55, 100) and train.lengths(55, 100)[2] == 0
    assert train.lengths(56, 100) == train.lengths(100, 100) and min(train.lengths(100, 100)) > 0
    assert [train.rate(step, 1000) for step in (1, 50, 100, 500)] == [0.01, 0.5, 1, 1]
    assert train.rate(1000, 1000) < 0.01


def test_the_engine_reads_questions_as_the_trainer_does(tmp_path: Path, runner: Runner) -> None:
    tokenizer = Tokenizer()
    write(tmp_path)
    manifest = json.loads((tmp_path / "out" / "model.json").read_text())
    runner.tokenizer("sums", tmp_path / "out", manifest["tokenizer"])
    texts = [each.question for each in evaluation_questions(60)] + [" 1 2 5", "The answer is:"]
    expected = [tokenizer.encode(text) for text in texts[:-1]] + [tokenizer.answer_prompt]
    assert runner.tokenize("sums", texts) == expected
    assert all(len(ids) == len(each.steps) + 1 for ids, each in zip(expected, evaluation_questions(60)))


@torch.no_grad()
def test_the_packed_model_answers_as_the_trained_one(tmp_path: Path, runner: Runner) -> None:
    model, tokenizer = write(tmp_path), Tokenizer()
    graph = Graph(tmp_path / "out", runner)
    assert (graph.thought["iterations"], graph.thought["latents"]) == (3, recipe.LATENTS)
    for each in evaluation_questions(6):
        ids = tokenizer.encode(each.question)
        _, cache = graph.think(ids, 3)
        answer, _ = graph.answer(cache, [tokenizer.end_thought, *tokenizer.answer_prompt], most=3)
        assert answer == recipe.answer(model, tokenizer, torch.tensor([ids]), "3", most=3)[0]


def test_a_training_that_was_interrupted_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "SAVE", 2)
    monkeypatch.setattr(train, "EVALUATED", 6)
    common = ["--variant", "chain", "--steps", "6", "--batch", "4"]
    assert train.main([*common, "--folder", str(tmp_path / "whole")]) == 0

    steps = iter(range(5))

    def interrupted(*arguments: object) -> object:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return recipe.loss(*arguments)

    monkeypatch.setattr(train, "loss", interrupted)
    assert train.main([*common, "--folder", str(tmp_path / "parts")]) == 130
    monkeypatch.setattr(train, "loss", recipe.loss)
    assert train.main([*common, "--folder", str(tmp_path / "parts")]) == 0
    whole, parts = (checkpoints.load(train.saved(tmp_path / name, "chain", 0)) for name in ("whole", "parts"))
    assert all(torch.equal(whole["model"][name], parts["model"][name]) for name in whole["model"])
    results = [json.loads((tmp_path / name / "results.jsonl").read_text()) for name in ("whole", "parts")]
    assert results[0]["by_steps"] == results[1]["by_steps"]


def test_variants_without_their_base_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--variant", "3", "--seed", "5", "--folder", str(tmp_path)]) == 1
    assert "seed 5 has no finished variant chain" in capsys.readouterr().err
    assert pack.main(["--variant", "3", "--folder", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "train the variant 3 with the seed 0 first" in capsys.readouterr().err


def write(folder: Path) -> Gpt2:
    """Packs and exports a model of random weights."""
    torch.manual_seed(0)
    model = Gpt2(Config(len(Tokenizer().ids)))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    pack.write(model.state_dict(), 3, folder / "checkpoint")
    done = run_export("--checkpoint", folder / "checkpoint", "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    return model


def test_the_table_has_the_means_over_seeds_and_the_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text("".join(json.dumps({
        "variant": variant, "seed": seed, "accuracy": right, "by_steps": {"2": right, "3": right, "4": 0}, "cpu_seconds": 10 + seed}) + "\n"
        for variant, seed, right in (("3", 1, 0.5), ("chain", 0, 1), ("3", 0, 0.25))), encoding="utf-8")
    assert table.main([str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| full chain | 8 | 100.0 | 100.0 | 100.0 | 100.0 | 0.0 | 10 |",
        "| T = 3 | 6 | 37.5 | 25.0, 50.0 | 37.5 | 37.5 | 0.0 | 10 |"]
    path.write_text("no results", encoding="utf-8")
    assert table.main([str(path)]) == 1
    assert "is not a file of results" in capsys.readouterr().err


def test_questions_are_lines_that_the_engine_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert questions.main(["--count", "6"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["question"] for line in lines] == [each.question for each in evaluation_questions(6)]
    assert all(line["steps"][-1] == line["answer"] for line in lines)
