"""Fine-tuning for SJD2: the exporter's families in PyTorch, what is written back, and a run from a file of ids to an exported graph."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import HERE, Model, run_export
from test_failures import assert_one_sentence

torch = pytest.importorskip("torch", reason="PyTorch is not installed (Debian: python3-torch)")
sys.path[:0] = [str(HERE / "families"), str(HERE.parents[1] / "export" / "sjd2")]

import family_checkpoints as checkpoints  # noqa: E402
import finetune  # noqa: E402
from family_exports import SHUFFLED, WRITERS  # noqa: E402

import tiny  # noqa: E402
from lanes import Lanes  # noqa: E402
from model import Denoiser, SourceTransformer  # noqa: E402
from noise import SCHEDULES, Schedule  # noqa: E402
from runner import Runner  # noqa: E402
from scenes import FONT  # noqa: E402
from sequences import Scenes, TokenFile  # noqa: E402
from sjdexport import contract  # noqa: E402
from sjdexport.checkpoint import Checkpoint, open_checkpoint  # noqa: E402
from sjdexport.errors import ExportError  # noqa: E402
from sjdexport.exporter import open_family  # noqa: E402
from sjdexport.families import Family, Given, llamagen  # noqa: E402
from sjdexport.safetensors import read_header, write_safetensors  # noqa: E402
from sjdexport.sections import read_generation  # noqa: E402
from write_back import denoising, weights_file, write_checkpoint  # noqa: E402

FIRST_CODE, CODES, ROW_END, IMAGE_END = 4, 32, 38, 36  # of the tiny model
FAMILIES = [name for name in WRITERS if name != "llamagen t2i"]  # which reads vectors beside ids


def opened(written: checkpoints.Written, family: str | None = None) -> tuple[Given, Family]:
    given = dict(zip(*[iter(written.arguments)] * 2))
    with pytest.MonkeyPatch.context() as patch:  # only the real one is wide enough to be told by its width
        patch.setitem(llamagen.HEAD_DIMS, 200, 100)
        return open_family(family, given["--checkpoint"], given.get("--vq"), given.get("--text-encoder"), int(given["--size"]) if "--size" in given else None)


class Case:
    """A family's checkpoint, and its transformer in PyTorch."""

    def __init__(self, name: str, folder: Path) -> None:
        self.written = WRITERS[name](folder / "checkpoint")
        self.family_name = "simplear" if name.startswith("simplear") else None  # the tiny one's vocabulary is no sign of it
        self.given, self.family = opened(self.written, self.family_name)
        self.transformer = SourceTransformer(self.family, self.given.checkpoint)
        codes = np.random.default_rng(6).integers(self.written.first_code, self.written.first_code + self.transformer.shape.codes, (3, 5)).tolist()
        picture = [id for row in codes for id in [*row, *self.written.row_end]]
        self.sequences = [prompt + picture for prompt in self.written.prompts]


_cases: dict[str, Case] = {}


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Made once; tests that train open the checkpoint again."""
    if request.param not in _cases:
        _cases[request.param] = Case(request.param, tmp_path_factory.mktemp("family"))
    return _cases[request.param]


def logits(transformer: SourceTransformer, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        return transformer.predict(transformer.embed(torch.tensor([ids])))[0].numpy()


@pytest.mark.parametrize("case", FAMILIES, indirect=True)
def test_logits_match_reference(case: Case) -> None:
    length = max(map(len, case.sequences))
    padded = torch.tensor([ids + [0] * (length - len(ids)) for ids in case.sequences])
    with torch.no_grad():
        got = case.transformer.predict(case.transformer.embed(padded)).numpy()
    for lane, ids in enumerate(case.sequences):
        want = case.written.logits(ids).numpy()
        assert want.std() > 0.3
        np.testing.assert_allclose(got[lane, : len(ids)], want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", FAMILIES, indirect=True)
def test_every_stored_tensor_of_the_transformer_is_trained(case: Case) -> None:
    transformer = case.transformer
    transformer.predict(transformer.embed(torch.tensor([case.sequences[0]]))).square().sum().backward()
    parameters = dict(transformer.named_parameters())
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in parameters.values())
    checkpoint = case.given.checkpoint
    frozen = ("gen_embed", "gen_aligner", "model.generation_embeddings", "model.generation_aligner")  # what Janus' embedding of codes is computed from
    unused = ("gen_vision_model.", "model.vqmodel.", *(("lm_head.", "language_model.lm_head.") if case.family.name == "janus" else ()))  # its head over text
    stored = {name for name in checkpoint.names() if not name.startswith((*frozen, *unused))}
    assert {next(whole for whole in checkpoint.names() if f"{name}.".startswith(f"{whole}.")) for name in parameters} == stored
    assert {name for name in checkpoint.names() if checkpoint[name] is not transformer.stored(checkpoint[name])} == stored
    matrices = transformer.matrices()
    assert len({id(p) for p in matrices}) == len(matrices) >= 5 * transformer.shape.layers
    assert all(p.dim() == 2 and any(p is each for each in parameters.values()) for p in matrices)
    transformer.zero_grad(set_to_none=True)


def trained(case: Case) -> Denoiser:
    """As training might leave it: every parameter a little other than it was."""
    given, family = opened(case.written, case.family_name)
    model = Denoiser(SourceTransformer(family, given.checkpoint), case.written.first_code, Schedule("cosine"), tells_levels=True)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter)).copy_(parameter.half().float())
    return model


WRITTEN_BACK = ("lumina 34b", "anole", "chameleon 34b meta", "emu3", "llamagen c2i", "janus", "lumina2")


@pytest.mark.parametrize("case", WRITTEN_BACK, indirect=True)
def test_a_written_checkpoint_is_the_trained_model(case: Case, tmp_path: Path) -> None:
    model, given = trained(case), case.given
    path, generation = case.written.arguments[1], case.family.generation()
    decoding = {"method": "sjd2", "window": 12, "initialisation": "uniform"}
    write_checkpoint(tmp_path / "out", given, path.is_dir(), model, decoding, steps=4)
    again = opened(dataclasses.replace(case.written, arguments=["--checkpoint", tmp_path / "out", *case.written.arguments[2:]]))
    transformer = SourceTransformer(again[1], again[0].checkpoint)
    np.testing.assert_array_equal(logits(transformer, case.sequences[0]), logits(model.transformer, case.sequences[0]))
    assert again[1].generation() == generation  # the documents came along that it is read from
    assert again[0].sections["decoding"] == decoding and again[0].sections["denoising"] == denoising(Schedule("cosine"), 4)

    before, after = given.checkpoint, again[0].checkpoint
    assert set(after.names()) - set(before.names()) == {f"denoising.{name}" for name in model.state_dict() if not name.startswith("transformer.")}
    for name in before.names():
        assert (after[name].dtype, after[name].shape) == (before[name].dtype, before[name].shape)
        if model.transformer.stored(before[name]) is before[name]:
            assert after[name].raw().tobytes() == before[name].raw().tobytes(), name
        else:
            assert after[name].raw().tobytes() != before[name].raw().tobytes(), name


@pytest.mark.parametrize("case", ["anole", "emu3"], indirect=True)
def test_rows_of_codes_land_where_they_belong(case: Case) -> None:
    """Anole's codes are in another order in the checkpoint; of its head and Emu3's nothing else is trained."""
    model = trained(case)
    codes, first, head = case.transformer.shape.codes, case.written.first_code, case.given.checkpoint["lm_head.weight"]
    rows = [first + SHUFFLED.index(code) for code in range(codes)] if case.family.name == "chameleon" else [first + code for code in range(codes)]
    last = next(p for name, p in model.transformer.named_parameters() if name.startswith("lm_head.weight."))
    after = model.transformer.stored(head).float32()
    np.testing.assert_array_equal(after[rows], last.detach().numpy())
    others = np.setdiff1d(np.arange(len(after)), rows)
    np.testing.assert_array_equal(after[others], head.float32()[others])
    embedding = case.given.checkpoint["model.embed_tokens.weight"]
    ids = torch.tensor([[first + code for code in range(codes)]])
    np.testing.assert_array_equal(model.transformer.stored(embedding).float32()[rows], model.transformer.embed(ids)[0].detach().numpy())


@pytest.mark.parametrize("case", ["simplear tied"], indirect=True)
def test_a_tied_head_is_the_embedding(case: Case) -> None:
    model = trained(case)
    names = [name for name, _ in model.transformer.named_parameters()]
    assert [name for name in names if "embed_tokens" in name] == ["model.embed_tokens.weight"] and not [name for name in names if "lm_head" in name]
    embedding = case.given.checkpoint["model.embed_tokens.weight"]
    np.testing.assert_array_equal(model.transformer.stored(embedding).float32(), model.transformer.model.embed_tokens.weight.detach().numpy())


def test_one_file_keeps_its_name_and_several_become_one(tmp_path: Path) -> None:
    """LlamaGen's says how large its pictures are."""
    written = checkpoints.llamagen(tmp_path / "c2i", text=False, size=None)
    assert weights_file(opened(written)[0], tmp_path / "out").name == "c2i_B_256.safetensors"
    assert weights_file(opened(checkpoints.emu3(tmp_path / "emu3"))[0], tmp_path / "out").name == "checkpoint.safetensors"


def test_values_past_their_type_are_not_written(tmp_path: Path) -> None:
    tiny.write_checkpoint(tmp_path, tiny.PRESETS["tiny"])
    given, family = open_family(None, tmp_path, None, None, None)
    transformer = SourceTransformer(family, given.checkpoint)
    with torch.no_grad():
        transformer.model.norm.weight[3] = 1e6
    with pytest.raises(ExportError, match="model.norm.weight was trained to values that F16 does not hold"):
        transformer.stored(given.checkpoint["model.norm.weight"]).raw()


# --- Runs -----------------------------------------------------------------------------------------------------------

def sequence(random: np.random.Generator, captioned: bool) -> list[int]:
    picture = [[*random.integers(FIRST_CODE, FIRST_CODE + CODES, 8), ROW_END] for _ in range(8)]
    return [0, *(random.integers(40, 200, 5) if captioned else []), 39, 37, *(id for row in picture for id in row), IMAGE_END]


def write_tokens(path: Path, sequences: list[list[int]] | None = None, dtype: str = "<i4") -> Path:
    """The tensor by hand: what writes checkpoints has no whole numbers."""
    random = np.random.default_rng(9)
    sequences = [sequence(random, i % 10 > 0) for i in range(30)] if sequences is None else sequences
    length = max(map(len, sequences))
    ids = np.array([row + [-1] * (length - len(row)) for row in sequences], dtype)
    return write_array(path, "ids", ids)


def write_array(path: Path, name: str, array: np.ndarray) -> Path:
    types = {"<i4": "I32", "<i8": "I64"}
    header = json.dumps({name: {"dtype": types[array.dtype.str], "shape": array.shape, "data_offsets": [0, array.nbytes]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + array.tobytes())
    return path


@pytest.fixture(autouse=True)
def saved(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where runs are saved."""
    threads = torch.get_num_threads()
    folder = tmp_path_factory.mktemp("saved")
    monkeypatch.setattr("progress.CHECKPOINTS", folder)
    yield folder
    torch.set_num_threads(threads)


def run_finetune(*arguments: object) -> subprocess.CompletedProcess[str]:
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = finetune.main([*map(str, arguments), "--threads", "1"])
    return subprocess.CompletedProcess(arguments, status, output.getvalue(), errors.getvalue())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    tiny.write_checkpoint(folder, tiny.PRESETS["tiny"], dtype=np.float32)
    write_tokens(folder.parent / "pictures.safetensors")
    return folder


def arguments(base: Path, *more: object) -> list[object]:
    return ["--checkpoint", base, "--tokens", base.parent / "pictures.safetensors", "--batch", 3, *more]


@pytest.mark.parametrize(("optimizer", "levels"), [("muon", "added"), ("adamw", "untold")])
def test_an_interrupted_run_ends_as_one_that_was_not(base: Path, saved: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str, levels: str) -> None:
    monkeypatch.setattr(finetune, "SAVE", 1)
    common = arguments(base, "--optimizer", optimizer, "--levels", levels, "--rate", 0.005, "--steps", 4)
    assert run_finetune(*common, "--name", "whole").returncode == 0

    taken, take_step = [], finetune.take_step

    def interrupted(*parts: object) -> dict[str, float]:
        if len(taken) == 2:
            raise KeyboardInterrupt
        taken.append(1)
        return take_step(*parts)

    with monkeypatch.context() as patch:
        patch.setattr(finetune, "take_step", interrupted)
        done = run_finetune(*common, "--name", "parts")
    assert done.returncode == 130 and "goes on" in done.stderr and not (saved / "parts").exists()
    assert torch.load(saved / "parts.pt")["step"] == 2
    done = run_finetune(*common, "--name", "parts")
    assert done.returncode == 0 and "\n4  {" in f"\n{done.stdout}" and "0  {" not in done.stdout
    whole, parts = ((saved / name / "checkpoint.safetensors").read_bytes() for name in ("whole", "parts"))
    assert whole == parts != (base / "checkpoint.safetensors").read_bytes()
    assert any(name.startswith("denoising.levels.") for name in read_header(saved / "parts" / "checkpoint.safetensors")) == (levels == "added")


def test_training_learns(base: Path, tmp_path: Path) -> None:
    """One picture over and over: it must come to be expected, clean and behind noise."""
    tokens = write_tokens(tmp_path / "one.safetensors", [sequence(np.random.default_rng(1), True)] * 4)
    done = run_finetune("--checkpoint", base, "--tokens", tokens, "--batch", 4, "--steps", 30, "--optimizer", "adamw", "--rate", 0.01)
    before, after = (json.loads(line.split("  ")[1]) for line in done.stdout.splitlines()[:2])
    assert after["clean"] < 0.5 * before["clean"] and after["<=0.5"] < 0.7 * before["<=0.5"]


def test_what_comes_out_is_exported_and_reads_noise(base: Path, saved: Path, runner: Runner, tmp_path: Path) -> None:
    """Noisy embeddings in the fp32 graph give the logits of the model that was trained."""
    done = run_finetune(*arguments(base, "--steps", 3, "--optimizer", "muon", "--denoising-steps", 4, "--window", 12, "--out", tmp_path / "out"))
    assert done.returncode == 0 and f"export.py --checkpoint {tmp_path / 'out'} --out onnx-models/sjd2 --precision int8" in done.stdout
    exported = run_export("--checkpoint", tmp_path / "out", "--out", tmp_path / "out", "--precision", "fp32", "--pictures", "")
    assert exported.returncode == 0, exported.stderr
    exported = Model(tmp_path / "out", runner)
    assert exported.manifest["denoising"] == {**denoising(Schedule("cosine"), 4), "hidden": 64, "normalisation": "channel", "levels": "added"}
    assert exported.manifest["decoding"] == {"method": "sjd2", "window": 12, "initialisation": "uniform"}

    given, family = open_family(None, base, None, None, None)
    model = Denoiser(SourceTransformer(family, given.checkpoint), FIRST_CODE, Schedule("cosine"), tells_levels=True)
    model.load_state_dict(torch.load(saved / "sjd2.pt")["model"])
    random = np.random.default_rng(4)
    ids, level = sequence(random, True)[:40], np.where(random.random(40) < 0.6, random.random(40), 0).astype(np.float32)
    before = random.normal(0, 1, (40, 64)).astype(np.float32)
    with torch.no_grad():
        clean, at = model.transformer.embed(torch.tensor([ids])), torch.from_numpy(level)[None]
        read = torch.where(at[..., None] > 0, torch.from_numpy(before) * model.std + model.mean + model.levels(at), clean)
        want, plain = model.transformer.predict(read)[0].numpy(), model.transformer.predict(clean)[0].numpy()
        assert model.levels(at).abs().max() > 0
    noise = np.concatenate([before] * 2), np.tile(np.column_stack([np.ones(40), np.zeros(40), level]), (2, 1))
    got = exported.lanes("fp32").run([ids, ids], noise=noise).reshape(2, 40, CODES)
    np.testing.assert_allclose(got, np.stack([want, want]), rtol=1e-4, atol=1e-4)
    assert np.abs(want - plain).max() > 0.1


@pytest.mark.parametrize("name", ["emu3", "llamagen c2i", "janus"])
def test_other_families_go_the_whole_way(name: str, saved: Path, runner: Runner, tmp_path: Path) -> None:
    """A step, the folder, its export, and the logits of that: those that the graph before gave, but for what a step does."""
    written = WRITERS[name](tmp_path / "checkpoint")
    codes, picture = checkpoints.CODES, np.random.default_rng(2)
    sequences = [prompt + [written.first_code + code for code in picture.integers(0, codes, 12)] for prompt in written.prompts * 3]
    tokens = write_tokens(tmp_path / "tokens.safetensors", sequences)
    done = run_finetune(*written.arguments, "--tokens", tokens, "--batch", 2, "--steps", 1, "--name", "one")
    assert done.returncode == 0, done.stderr
    given = [str(argument) for argument in written.arguments[2:]]
    assert " ".join(["export.py --checkpoint", str(saved / "one"), *given, "--out onnx-models/one"]) in done.stdout
    exported = run_export("--checkpoint", saved / "one", *given, "--out", tmp_path / "model", "--precision", "fp32", "--pictures", "")
    assert exported.returncode == 0, exported.stderr
    runner.load(f"tuned {name}", tmp_path / "model" / contract.transformer_graph("fp32"))
    lanes = Lanes(runner, f"tuned {name}", json.loads((tmp_path / "model" / "model.json").read_text()), "fp32")
    want = np.concatenate([written.logits(ids).numpy() for ids in sequences[:2]])
    got = lanes.run(sequences[:2])
    assert 0 < np.abs(got - want).max() < 0.05


def test_the_folder_is_written_again_without_training(base: Path, saved: Path) -> None:
    assert run_finetune(*arguments(base, "--steps", 1)).returncode == 0
    weights = (saved / "sjd2" / "checkpoint.safetensors").read_bytes()
    done = run_finetune(*arguments(base, "--steps", 1, "--denoising-steps", 2, "--window", 24))
    assert done.returncode == 0 and (saved / "sjd2" / "checkpoint.safetensors").read_bytes() == weights
    sections = read_generation(saved / "sjd2" / "generation.json")
    assert sections["denoising"]["steps"] == 2 and sections["decoding"]["window"] == 24


def test_the_last_twentieth_is_held_out_and_padding_teaches_nothing(tmp_path: Path) -> None:
    sequences = [[0, 39, 37, FIRST_CODE + i % 32, FIRST_CODE + i // 32] + [ROW_END] * (i % 3) for i in range(60)]
    file = TokenFile(write_tokens(tmp_path / "tokens.safetensors", sequences), range(FIRST_CODE, FIRST_CODE + CODES), 300, 128)
    held_out, random = file.held_out(), np.random.default_rng(0)
    assert (held_out.targets[:, 2:4] == torch.tensor([[i % 32, i // 32] for i in range(57, 60)])).all()
    assert held_out.ids.shape == (3, 6)  # up to the longest's last but one
    drawn = torch.cat([file.batch(random, 50).targets[:, 2:4] for _ in range(20)])
    assert {tuple(row) for row in drawn.tolist()} == {(i % 32, i // 32) for i in range(57)}
    batch = file.batch(random, 50)
    assert batch.ids.min() == 0 and batch.is_code.sum() == 100 - (batch.ids.shape[1] == 4) * 50
    assert ((batch.targets >= 0).sum(dim=1) == 2).all()


def test_padding_is_no_code_where_codes_start_at_0(tmp_path: Path) -> None:
    file = TokenFile(write_tokens(tmp_path / "tokens.safetensors", [[40, 3, 0, 5], [41, 7]]), range(32), 50, 128)
    batch = file.batch(np.random.default_rng(0), 1)
    assert batch.ids.tolist() == [[40, 3, 0]] and batch.is_code.tolist() == [[False, True, True]] and batch.targets.tolist() == [[3, 0, 5]]
    assert file.held_out().targets.tolist() == [[7]]
    both = file._batch(file._rows)
    assert both.is_code.tolist() == [[False, True, True], [False, True, False]] and both.targets.tolist() == [[3, 0, 5], [7, -100, -100]]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_tables_of_schedules_are_what_the_exporter_takes(tmp_path: Path, schedule: str) -> None:
    (tmp_path / "generation.json").write_text(json.dumps({"denoising": denoising(Schedule(schedule), 3)}))
    section = read_generation(tmp_path / "generation.json")["denoising"]
    assert len(section["alpha"]) == len(section["sigma"]) == 25 and (section["alpha"][-1], section["sigma"][-1]) == (0, 1)


@pytest.mark.skipif(not Path(FONT).exists(), reason=f"{FONT} is missing (Debian: fonts-noto-color-emoji)")
def test_the_built_in_models_scenes_are_encoded_by_its_own_encoder() -> None:
    """Or it would find the pictures less likely than its training said."""
    given, family = open_family(None, finetune.BUILT_IN, None, None, None)
    transformer = SourceTransformer(family, given.checkpoint)
    batch = Scenes(given.checkpoint).batch(np.random.default_rng(5), 4)
    with torch.no_grad():
        log_p = torch.log_softmax(transformer.predict(transformer.embed(batch.ids)), dim=-1)
    wanted = batch.targets >= 0
    assert wanted.sum() == 4 * 256
    assert -log_p[wanted].gather(1, batch.targets[wanted][:, None]).mean() < 1.3


# --- Bad input ------------------------------------------------------------------------------------------------------

def spoiled(change: Callable[[list[list[int]]], object]) -> Callable[[Path, Path], list[object]]:
    """A file of ids of which one was changed."""
    def make(base: Path, folder: Path) -> list[object]:
        sequences = [sequence(np.random.default_rng(i), True) for i in range(5)]
        change(sequences)
        return ["--tokens", write_tokens(folder / "spoiled.safetensors", sequences)]

    return make


def tokens_of(write: Callable[[Path], object]) -> Callable[[Path, Path], list[object]]:
    def make(base: Path, folder: Path) -> list[object]:
        write(folder / "spoiled.safetensors")
        return ["--tokens", folder / "spoiled.safetensors"]

    return make


def fine_tuned(base: Path, folder: Path) -> list[object]:
    tiny.write_checkpoint(folder / "noisy", tiny.PRESETS["tiny"], denoising=True)
    return ["--checkpoint", folder / "noisy"]


def other_weights(base: Path, folder: Path) -> list[object]:
    (folder / "full").mkdir()
    shutil.copyfile(base / "checkpoint.safetensors", folder / "full" / "other.safetensors")
    return ["--out", folder / "full"]


def same_codes(base: Path, folder: Path) -> list[object]:
    shutil.copytree(base, folder / "same")
    tensors = {name: np.array(t.raw()) for name, t in read_header(base / "checkpoint.safetensors").items()}
    tensors["model.embed_tokens.weight"][FIRST_CODE : FIRST_CODE + CODES, 9] = 0.25
    write_safetensors(folder / "same" / "checkpoint.safetensors", tensors)
    return ["--checkpoint", folder / "same"]


def encoded_text(base: Path, folder: Path) -> list[object]:
    return checkpoints.llamagen(folder / "t2i", text=True).arguments[:4] + ["--size", 64]


BAD: dict[str, tuple[Callable[[Path, Path], list[object]], list[str]]] = {
    "no such checkpoint": (lambda b, f: ["--checkpoint", f / "nothing"], ["nothing does not exist"]),
    "no checkpoint": (lambda b, f: ["--checkpoint", write_tokens(f / "weights.safetensors")], ["no family that can be told", "--family"]),
    "an unknown family": (lambda b, f: ["--family", "gpt"], ["unknown family gpt", "chameleon"]),
    "another family": (lambda b, f: ["--family", "emu3"], ["chameleon, not emu3"]),
    "a family without an image decoder": (lambda b, f: checkpoints.simplear(f / "simplear", tied=True).arguments + ["--family", "simplear"], ["Cosmos"]),
    "a text encoder": (encoded_text, ["text encoder", "cannot be fine-tuned"]),
    "fine-tuned before": (fine_tuned, ["denoising.", "before", "made from"]),
    "codes that are all the same": (same_codes, ["channel 9", "normalised"]),
    "into the checkpoint": (lambda b, f: ["--out", b], ["the checkpoint itself"]),
    "among other weights": (other_weights, ["other.safetensors", "another folder"]),
    "into a file": (lambda b, f: ["--out", write_tokens(f / "file.safetensors")], ["file.safetensors", "give a folder"]),
    "no such tokens": (lambda b, f: ["--tokens", f / "nothing.safetensors"], ["nothing.safetensors", "No such file"]),
    "tokens that are something else": (tokens_of(lambda path: path.write_text("ids")), ["spoiled.safetensors", "safetensors file"]),
    "tokens without ids": (tokens_of(lambda path: write_array(path, "tokens", np.zeros((3, 9), "<i4"))), ["no tensor ids", "it has tokens"]),
    "tokens in a row": (tokens_of(lambda path: write_array(path, "ids", np.zeros(9, "<i4"))), ["ids is I32 [9]", "[sequences, tokens]"]),
    "one sequence": (tokens_of(lambda path: write_array(path, "ids", np.zeros((1, 9), "<i4"))), ["ids is I32 [1, 9]", "2 or more"]),
    "long tokens": (tokens_of(lambda path: write_array(path, "ids", np.zeros((3, 9), "<i8"))), ["ids is I64", "I32"]),
    "ids of another model": (spoiled(lambda s: s[3].__setitem__(2, 5000)), ["ids has 5000", "vocabulary ends at 311"]),
    "a hole": (spoiled(lambda s: s[2].__setitem__(7, -1)), ["sequence 2", "behind a negative id"]),
    "no codes": (spoiled(lambda s: s[4].__setitem__(slice(1, None), [39] * 20)), ["sequence 4", "no image codes", "4 to 35"]),
    "a code that nothing is before": (spoiled(lambda s: s[1].__setitem__(slice(None), [5, 39])), ["sequence 1", "no image codes"]),
    "too long": (spoiled(lambda s: s[1].extend([ROW_END] * 80)), ["sequence 1", "128 tokens"]),
    "no steps": (lambda b, f: ["--steps", 0], ["--steps is 0"]),
    "no denoising steps": (lambda b, f: ["--denoising-steps", 0], ["--denoising-steps is 0", "1 or more"]),
    "a window past the engine's": (lambda b, f: ["--window", 1025], ["--window is 1025", "1024 at most"]),
    "denoising steps past the engine's": (lambda b, f: ["--denoising-steps", 2000, "--window", 1024], ["--denoising-steps is 2000", "1024 at most"]),
    "more denoising steps than drafts": (lambda b, f: ["--denoising-steps", 9, "--window", 8], ["--denoising-steps is 9 and --window 8"]),
    "a rate of 0": (lambda b, f: ["--rate", 0], ["--rate is 0"]),
    "a rate that is no number": (lambda b, f: ["--rate", "nan"], ["--rate is nan"]),
    "a path for a name": (lambda b, f: ["--name", "a/b"], ["--name is 'a/b'"]),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_ends_with_a_sentence(base: Path, saved: Path, tmp_path: Path, bad: str) -> None:
    make, words = BAD[bad]
    done = run_finetune(*arguments(base, "--steps", 1, *make(base, tmp_path)))
    assert_one_sentence(subprocess.CompletedProcess([], done.returncode, done.stdout, done.stderr.replace("finetune: ", "export: ")), words)
    assert list(saved.iterdir()) == []


def test_a_model_of_the_users_own_needs_tokens(base: Path) -> None:
    done = run_finetune("--checkpoint", base)
    assert done.returncode == 1 and done.stderr == "finetune: only the built-in model has scenes to be fine-tuned on: give a file of token ids with --tokens.\n"


@pytest.mark.parametrize(("more", "words"), [
    (["--schedule", "linear"], ["--schedule cosine", "--schedule linear", "another --name"]),
    (["--levels", "untold"], ["--levels added", "--levels untold"]),
    (["--optimizer", "muon"], ["--optimizer adamw", "--optimizer muon"]),
    (["--steps", "1"], ["--steps is 1", "has done 2", "give more"]),
])
def test_a_run_is_resumed_as_it_was_begun(base: Path, saved: Path, more: list[str], words: list[str]) -> None:
    assert run_finetune(*arguments(base, "--steps", 2)).returncode == 0
    files = {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()}
    done = run_finetune(*arguments(base, "--steps", 3, *more))
    assert done.returncode == 1 and done.stderr.startswith("finetune: ") and done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()} == files


def resumed(base: Path, folder: Path, change: Callable[[Path], object], rename: bool) -> subprocess.CompletedProcess[str]:
    """A run that goes on with copies of its files, of which some were changed in the meantime."""
    assert run_finetune(*arguments(base, "--steps", 1)).returncode == 0
    shutil.copytree(base.parent, folder / "files")
    change(folder / "files")
    if rename:
        (folder / "files" / "tiny").rename(folder / "files" / "model")
        (folder / "files" / "pictures.safetensors").rename(folder / "files" / "ids.safetensors")
    model, ids = ("model", "ids.safetensors") if rename else ("tiny", "pictures.safetensors")
    return run_finetune(*arguments(base, "--steps", 2, "--checkpoint", folder / "files" / model, "--tokens", folder / "files" / ids))


def test_a_run_goes_on_with_files_that_were_moved(base: Path, tmp_path: Path) -> None:
    done = resumed(base, tmp_path, lambda files: None, rename=True)
    assert done.returncode == 0 and "0  {" not in done.stdout, done.stderr


def retrain(name: str, place: tuple[int, ...]) -> Callable[[Path], object]:
    def change(files: Path) -> None:
        tensors = {name: np.array(tensor.raw()) for name, tensor in read_header(files / "tiny" / "checkpoint.safetensors").items()}
        tensors[name][place] += 0.25
        write_safetensors(files / "tiny" / "checkpoint.safetensors", tensors)

    return change


CHANGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "other ids": (lambda files: write_tokens(files / "pictures.safetensors", [sequence(np.random.default_rng(i), True) for i in range(30)]),
                  "--tokens pictures.safetensors", "--tokens ids.safetensors"),
    "the same ids in another shape": (lambda files: write_tokens(files / "pictures.safetensors", [sequence(np.random.default_rng(9), True)] * 2),
                                      "--tokens pictures.safetensors", "--tokens ids.safetensors"),
    "another norm": (retrain("model.norm.weight", (3,)), "--checkpoint tiny", "--checkpoint model"),
    "another embedding": (retrain("model.embed_tokens.weight", (20, 5)), "--checkpoint tiny", "--checkpoint model"),
}


@pytest.mark.parametrize("rename", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_a_run_does_not_go_on_with_files_that_were_changed(base: Path, tmp_path: Path, change: str, rename: bool) -> None:
    make, was, now = CHANGES[change]
    done = resumed(base, tmp_path, make, rename)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"was trained with {was}, and what {now if rename else was} has in it now is not the same" in done.stderr


def test_a_run_does_not_go_on_without_its_image_decoder_or_at_another_size(saved: Path, tmp_path: Path) -> None:
    written = checkpoints.llamagen(tmp_path / "c2i", text=False, size=None)
    tokens = write_tokens(tmp_path / "tokens.safetensors", [prompt + [3, 5] for prompt in written.prompts])
    common = ["--tokens", tokens, "--batch", 1, "--steps", 1]
    done = run_finetune(*written.arguments, *common)
    assert done.returncode == 0, done.stderr
    again = run_finetune(*written.arguments, *common, "--size", 384)
    assert "was trained with no --size, and now there is --size 384" in again.stderr
    vq = Path(written.arguments[written.arguments.index("--vq") + 1])
    tensors = {name: open_checkpoint(vq)[name].float32() for name in open_checkpoint(vq).names()}
    tensors[min(tensors)] += 1
    write_safetensors(tmp_path / "vq.safetensors", tensors)
    again = run_finetune(*[tmp_path / "vq.safetensors" if each == vq else each for each in written.arguments], *common)
    assert f"was trained with --vq {vq.name}, and what --vq vq.safetensors has in it now is not the same" in again.stderr


def edited(change: Callable[[dict], object]) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        content = torch.load(path)
        change(content)
        torch.save(content, path)

    return make


def bare(content: dict) -> None:
    content["optimizers"] = content["optimizers"][:0]


DAMAGED: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "no PyTorch file": (lambda path: path.write_text("weights"), ["cannot be read", "remove it"]),
    "nothing": (lambda path: path.write_bytes(b""), ["cannot be read", "remove it"]),
    "half a file": (lambda path: path.write_bytes(path.read_bytes()[:50000]), ["cannot be read", "remove it"]),
    "something else": (lambda path: torch.save([1, 2], path), ["lacks all", "remove it"]),
    "what runs saved before": (edited(lambda saved: saved.pop("digests")), ["lacks digests", "remove it"]),
    "a tensor of another shape": (edited(lambda saved: saved["model"].update(mean=torch.zeros(63))), ["does not fit", "another mean"]),
    "a tensor too few": (edited(lambda saved: saved["model"].pop("levels.first.bias")), ["does not fit", "another levels.first.bias"]),
    "no optimizer": (edited(bare), ["does not fit", "another optimizer"]),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_was_saved_and_cannot_be_used_is_named(base: Path, saved: Path, damage: str) -> None:
    make, words = DAMAGED[damage]
    assert run_finetune(*arguments(base, "--steps", 1)).returncode == 0
    make(saved / "sjd2.pt")
    done = run_finetune(*arguments(base, "--steps", 2))
    assert_one_sentence(subprocess.CompletedProcess([], done.returncode, done.stdout, done.stderr.replace("finetune: ", "export: ")), [str(saved / "sjd2.pt"), *words])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux' own")
def test_a_full_disk_ends_a_run_with_a_sentence(base: Path, saved: Path) -> None:
    """And not with the process, which PyTorch's own writer would."""
    (saved / "sjd2.partial").symlink_to("/dev/full")
    done = run_finetune(*arguments(base, "--steps", 1))
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == f"finetune: {saved / 'sjd2.pt'}: No space left on device."
    assert not (saved / "sjd2.pt").exists() and not (saved / "sjd2").exists()


@pytest.mark.parametrize(("part", "error", "expected"), [  # as open files have them: without a name
    ("write_back.write_safetensors", OSError(errno.ENOSPC, "No space left on device"), "{saved}/sjd2: No space left on device."),
    ("sequences.read_header", OSError(errno.EIO, "Input/output error"), "Input/output error."),
])
def test_errors_of_files_are_blamed_on_what_failed(base: Path, saved: Path, monkeypatch: pytest.MonkeyPatch, part: str, error: OSError, expected: str) -> None:
    def fail(*_: object) -> None:
        raise type(error)(*error.args)

    monkeypatch.setattr(part, fail)
    done = run_finetune(*arguments(base, "--steps", 1))
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == f"finetune: {expected.format(saved=saved)}"
