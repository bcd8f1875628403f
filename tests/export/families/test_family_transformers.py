"""The transformer graphs of all families give the logits of references in PyTorch.

The checkpoints have the real names, and the graphs are run as the engine runs them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness import family_checkpoints as checkpoints
from harness.exports import run_export
from harness.family_checkpoints import CODES
from harness.family_exports import WRITERS, export_family
from harness.lanes import Lanes
from harness.runner import Runner
from sjdexport import contract

PRECISIONS = ("fp32", "fp16", "int8", "int4")

COARSE = [name for name in WRITERS if name not in ("llamagen 3b", "lumina2", "janus port", "chameleon 34b meta")]


class Case:
    def __init__(self, name: str, folder: Path, runner: Runner) -> None:
        self.written = WRITERS[name](folder / "checkpoint")
        self.folder, self._runner, self.name = folder / "model", runner, name
        self.manifest = export_family(name, self.written, self.folder, PRECISIONS)
        rows = np.random.default_rng(6).integers(self.written.first_code, self.written.first_code + CODES, (4, 5)).tolist()
        self.picture = [id for row in rows for id in [*row, *self.written.row_end]]

    def lanes(self, precision: str = "fp32", slots: int = 64) -> Lanes:
        return self._lanes(precision, contract.transformer_graph(precision), f"{self.name} {precision}", slots)

    def tree(self) -> Lanes:
        return self._lanes("fp32", contract.transformer_graph("fp32", tree=True), f"{self.name} tree")

    def _lanes(self, precision: str, graph: str, session: str, slots: int = 64) -> Lanes:
        self._runner.load(session, self.folder / graph)
        return Lanes(self._runner, session, self.manifest, precision, slots, inputs=self.written.inputs)

    def expected(self, lane: int, picture: list[int]) -> np.ndarray:
        """Logits of the picture's tokens after the lane's prompt."""
        prompt = self.written.prompts[lane]
        return self.written.logits(prompt + picture)[len(prompt) :].numpy()

    def decode(self, window: int, precision: str = "fp32") -> np.ndarray:
        """[lanes, tokens, codes]: the picture in windows after one prefill."""
        lanes = self.lanes(precision)
        lanes.run(self.written.prompts, rows=[0])
        parts = []
        for start in range(0, len(self.picture), window):
            new = self.picture[start : start + window]
            parts.append(lanes.run([new, new]).reshape(2, len(new), -1))
        return np.concatenate(parts, axis=1)


_cases: dict[str, Case] = {}


@pytest.fixture(scope="module")
def case(request: pytest.FixtureRequest, runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Case:
    if request.param not in _cases:
        _cases[request.param] = Case(request.param, tmp_path_factory.mktemp("family"), runner)
    return _cases[request.param]


@pytest.mark.parametrize("case", WRITERS, indirect=True)
def test_prompts_match_the_reference(case: Case) -> None:
    want = [case.written.logits(prompt).numpy() for prompt in case.written.prompts]
    np.testing.assert_allclose(case.lanes().run(case.written.prompts), np.concatenate(want), rtol=0, atol=1e-4)


@pytest.mark.parametrize("window", [1, 16])
@pytest.mark.parametrize("case", WRITERS, indirect=True)
def test_windows_match_the_reference(case: Case, window: int) -> None:
    """If there are row ends, a window of 16 crosses two of them."""
    got = case.decode(window)
    for lane in range(2):
        want = case.expected(lane, case.picture)
        assert want.std() > 0.3
        np.testing.assert_allclose(got[lane], want, rtol=0, atol=1e-4)


@pytest.mark.parametrize("case", WRITERS, indirect=True)
def test_after_a_rejection_logits_equal_those_of_a_whole_pass(case: Case) -> None:
    lanes = case.lanes()
    lanes.run(case.written.prompts)
    wrong = case.picture[:4] + case.picture[:8]  # the first four stand
    lanes.run([wrong, wrong])
    lanes.truncate([length - 8 for length in lanes.lengths])
    got = lanes.run([case.picture[4:12]] * 2).reshape(2, 8, -1)
    for lane in range(2):
        np.testing.assert_allclose(got[lane], case.expected(lane, case.picture[:12])[4:], rtol=0, atol=1e-4)


@pytest.mark.parametrize("case", WRITERS, indirect=True)
def test_a_picture_drawn_token_by_token_equals_the_references(case: Case) -> None:
    """The picture is drawn with guidance, and with noise at each position, because greedy drawing may repeat one code.

    The reference reads all tokens at once. Each code must be the one that it would draw after those before it.
    """
    guidance, (rows, columns) = 3.0, (16, 16) if case.name.startswith("llamagen") else (7, 6)
    noise = np.random.default_rng(8).gumbel(size=(rows * columns, case.expected(0, case.picture[:1]).shape[1]))
    lanes = case.lanes(slots=320)
    prompts, row_end, drawn = case.written.prompts, case.written.row_end, []
    new = prompts
    for place in range(rows * columns):
        conditional, unconditional = lanes.run(new, rows=[len(new[0]) - 1, len(new[0]) + len(new[1]) - 1])
        code = int((unconditional + guidance * (conditional - unconditional) + 4 * noise[place]).argmax())
        tokens = [case.written.first_code + code, *(row_end if (place + 1) % columns == 0 else [])]
        drawn += tokens
        new = [tokens, tokens]
    assert len(drawn) == rows * (columns + len(row_end)) and len(set(drawn)) > 10
    conditional, unconditional = (case.written.logits(prompt + drawn)[len(prompt) - 1 : -1].numpy() for prompt in prompts)
    of_codes = [i for i, id in enumerate(drawn) if id not in row_end]
    mixed = (unconditional + guidance * (conditional - unconditional))[of_codes] + 4 * noise
    assert (case.written.first_code + mixed.argmax(axis=1)).tolist() == [drawn[i] for i in of_codes]


@pytest.mark.parametrize("case", ["llamagen t2i", "llamagen 3b", "anole meta"], indirect=True)
def test_trees_match_the_reference(case: Case) -> None:
    """The tree is a chain with an alternative to its third token. Its positions are inputs of the graph."""
    tree = case.tree()
    tree.run_tree(case.written.prompts, [range(-1, len(prompt) - 1) for prompt in case.written.prompts])
    chain, other = case.picture[:5], case.picture[7]
    got = tree.run_tree([[*chain, other]] * 2, [[-1, 0, 1, 2, 3, 1]] * 2).reshape(2, 6, -1)
    for lane in range(2):
        np.testing.assert_allclose(got[lane, :5], case.expected(lane, chain), rtol=0, atol=1e-4)
        np.testing.assert_allclose(got[lane, 5], case.expected(lane, [*chain[:2], other])[-1], rtol=0, atol=1e-4)


@pytest.mark.parametrize(("precision", "relative_error"), [("fp16", 0.01), ("int8", 0.06), ("int4", 0.6)])
@pytest.mark.parametrize("case", COARSE, indirect=True)
def test_coarser_precisions_stay_near_fp32(case: Case, precision: str, relative_error: float) -> None:
    want = case.decode(4)
    error = case.decode(4, precision) - want
    assert np.sqrt((error**2).mean()) < relative_error * want.std()


@pytest.mark.parametrize("case", ["llamagen t2i", "llamagen c2i"], indirect=True)
def test_llamagens_keys_at_conditions_are_zero(case: Case, runner: Runner) -> None:
    """LlamaGen's rotary table is zero at the positions of conditions, so all products with their keys are 0."""
    prompt, lanes = case.written.prompts[0], case.lanes()
    shape = case.manifest["transformer"]
    cache = np.zeros((1, shape["kvHeads"], 32, shape["headDim"]), np.float32)
    past = {contract.past(layer, lane, part): cache for layer in range(shape["layers"]) for lane in range(2) for part in ("key", "value")}
    keys = [contract.present(layer, 0, "key") for layer in range(shape["layers"])]
    tokens = prompt + case.picture[:4]
    outputs = runner.run(f"{case.name} fp32", {**lanes.feeds([tokens, tokens]), **past}, keys)
    for key in outputs.values():
        assert np.all(key[:, :, : len(prompt)] == 0)
        assert np.abs(key[:, :, len(prompt) : len(tokens)]).min(axis=-1).max() > 0
        assert np.abs(key[:, :, len(prompt) : len(tokens)]).max(axis=-1).min() > 0.1


@pytest.mark.parametrize("case", ["janus"], indirect=True)
def test_the_pads_of_janus_are_attended_to(case: Case) -> None:
    """Janus' unconditional lane has pads. A reference that masks them gives other logits than the graph."""
    prompt = case.written.prompts[1]
    masked = case.written.logits(prompt + case.picture, unseen=range(1, len(prompt) - 1))[len(prompt) :].numpy()
    assert np.abs(case.decode(16)[1] - masked).max() > 0.1


def test_metas_and_hugging_faces_layout_give_the_same_logits(runner: Runner, tmp_path: Path) -> None:
    """Meta's files rotate neighboring channels, Hugging Face's rotate channels half a head apart."""
    logits = []
    for name, meta in (("hf", False), ("meta", True)):
        written = checkpoints.chameleon(tmp_path / name, meta=meta)
        done = run_export(*written.arguments, "--out", tmp_path / f"{name}-out", "--precision", "fp32", "--pictures", "")
        assert done.returncode == 0, done.stderr
        runner.load(f"layout {name}", tmp_path / f"{name}-out" / "transformer.fp32.onnx")
        manifest = json.loads((tmp_path / f"{name}-out" / "model.json").read_text())
        logits.append(Lanes(runner, f"layout {name}", manifest, "fp32").run(written.prompts))
    np.testing.assert_allclose(logits[0], logits[1], rtol=0, atol=1e-5)
