"""The engine draws with the exported folders of all families.

Its greedy pictures equal those of a float64 reference, with its own prompts and sizes.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import family_checkpoints as checkpoints
from harness import image_decoder_reference
from harness.family_checkpoints import CODES, PLACES, Written
from harness.runner import Runner
from harness.sjd import Sjd
from sjdexport import contract
from sjdexport.exporter import ExportOptions, export

SHUFFLED = np.random.default_rng(5).permutation(CODES).tolist()
SMALL = [[64, 64], [128, 32], [32, 128], [96, 32]]  # pixels, four to a code, because the families' own sizes are too large for tests


@dataclasses.dataclass(frozen=True)
class Family:
    write: Callable[[Path], Written]
    prompt: str = "a fox"
    sizes: list[list[int]] | None = None  # instead of its own
    pixels_per_code: int = 4


FAMILIES = {
    "lumina": Family(lambda folder: checkpoints.chameleon(folder, lumina=True), sizes=SMALL),
    "lumina 34b": Family(lambda folder: checkpoints.chameleon(folder, lumina=True, swin=True, heads=8, norm_rows=4), sizes=SMALL),
    "anole": Family(lambda folder: checkpoints.chameleon(folder, norm_rows=4, order=SHUFFLED), sizes=SMALL),
    "anole meta": Family(lambda folder: checkpoints.chameleon(folder, meta=True, order=SHUFFLED), sizes=SMALL),
    "emu3": Family(checkpoints.emu3, sizes=SMALL),
    "llamagen c2i": Family(lambda folder: checkpoints.llamagen(folder, text=False), prompt="7"),
    "llamagen c2i 3b": Family(lambda folder: checkpoints.llamagen(folder, text=False, head_dim=100), prompt="0"),
    "llamagen t2i": Family(lambda folder: checkpoints.llamagen(folder, text=True), prompt="a red fox on blue"),
    "llamagen t2i 3b": Family(lambda folder: checkpoints.llamagen(folder, text=True, head_dim=100), prompt="a red fox on blue"),
    "janus": Family(lambda folder: checkpoints.janus(folder, port=False), pixels_per_code=16),
    "janus port": Family(lambda folder: checkpoints.janus(folder, port=True), sizes=SMALL),
    "lumina2": Family(checkpoints.lumina2, sizes=SMALL),
}
# of other families in the table, which are drawn with more methods
VARIANTS = {"lumina 34b", "anole meta", "llamagen c2i 3b", "llamagen t2i 3b", "janus port"}
REFUSED = 4  # exit code
INT8 = ("lumina", "emu3", "llamagen t2i")
FOCUS = 8  # so that pictures do not repeat one code
NEAR = 1e-3  # difference of guided logits, larger than rounding errors of float32
GREEDY = ("--temperature", 0)


class Model:
    """The exported model of a family."""

    _files = itertools.count()

    def __init__(self, name: str, folder: Path, sjd: Sjd, runner: Runner) -> None:
        family = FAMILIES[name]
        self.name, self.prompt, self.folder, self._sjd, self._runner = name, family.prompt, folder / "model", sjd, runner
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(checkpoints.Random, "focus", FOCUS)
            if family.pixels_per_code == 16:
                patch.setattr(image_decoder_reference, "WIDTHS", (32, 32, 32, 64, 128))
            self.written = family.write(folder / "checkpoint")
            given = dict(zip(self.written.arguments[::2], self.written.arguments[1::2]))
            if family.sizes:
                checkpoints.write_json(Path(given["--checkpoint"]) / "generation.json", {"image": {"sizes": family.sizes}})
            export(ExportOptions(
                None, given["--checkpoint"], self.folder, ("fp32", "int8") if name in INT8 else ("fp32",), "fp32", pictures=(2,),
                vq=given.get("--vq"), text_encoder=given.get("--text-encoder"),
                size=int(given["--size"]) if "--size" in given else None), io.StringIO())
        self.manifest = json.loads((self.folder / "model.json").read_text())
        self.size = tuple(self.manifest["image"]["sizes"][0])

    def run(self, *options: object) -> subprocess.CompletedProcess[str]:
        """Runs `sjd generate` with the family's prompt, or with another one after --."""
        prompt = () if "--" in options else ("--", self.prompt)
        file = self._sjd.folder / f"{next(self._files)}.png"
        return self._sjd.run("generate", "--json", "--threads", 1, "--model", self.folder, "-o", file, *options, *prompt)

    def draw(self, *requests: Sequence[object]) -> list[list[int]]:
        """The ids of the pictures of all requests. Asserts that all pictures are complete, and that equal ids give equal pixels."""
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda options: self.run(*options), requests))
        assert all(run.returncode == 0 for run in done), done
        reports = [report for run in done for report in json.loads(run.stdout)["images"]]
        files: dict[tuple[int, ...], bytes] = {}
        for report in reports:
            with Image.open(report["file"]) as picture:
                pixels = np.asarray(picture)
            ids = tuple(report["token_ids"])
            if ids not in files:
                self.check_pixels(pixels, report)
            assert files.setdefault(ids, pixels.tobytes()) == pixels.tobytes()
        return [report["token_ids"] for report in reports]

    def check_pixels(self, pixels: np.ndarray, report: dict) -> None:
        """Asserts that the pixels are the image decoder's output for the codes."""
        size = report["width"], report["height"]
        columns, rows = self.grid(size)
        assert pixels.shape == (size[1], size[0], 3) and report["tokens"] == rows * columns
        codes = self.codes(report["token_ids"], size).reshape(1, rows, columns)
        self._runner.load(f"{self.name} image", self.folder / contract.IMAGE_DECODER)
        rgb = self._runner.run(f"{self.name} image", {contract.CODES: codes}, [contract.RGB])[contract.RGB][0]
        assert np.abs(pixels.astype(int) - rgb).max() <= 1 and len(np.unique(pixels)) > 30

    def grid(self, size: tuple[int, int]) -> list[int]:
        """Columns and rows."""
        return [side // self.manifest["image"]["pixelsPerCode"] for side in size]

    def codes(self, ids: list[int], size: tuple[int, int]) -> np.ndarray:
        return np.array(ids)[self.places_of_codes(size)] - self.written.first_code

    def places_of_codes(self, size: tuple[int, int]) -> list[int]:
        columns, rows = self.grid(size)
        stride = columns + len(self.written.row_end)
        return [row * stride + column for row in range(rows) for column in range(columns)]

    def assert_greedy(
        self, ids: list[int], prompt: str | None = None, size: tuple[int, int] | None = None, negative: str | None = None) -> float:
        """Asserts that each code is the reference's first choice after the codes before it, or almost, and that the structure is the
        family's.

        Returns the smallest difference between the reference's first and second choice.
        """
        size = size or self.size
        mixed, codes = self.reference(ids, self.prompt if prompt is None else prompt, size, negative), self.codes(ids, size)
        columns, rows = self.grid(size)
        structured = [id for row in codes.reshape(rows, columns) + self.written.first_code for id in [*row, *self.written.row_end]]
        assert ids == [*structured, *self.manifest["layout"]["suffix"]]
        second, first = np.sort(mixed, axis=1)[:, -2:].T
        assert (first - mixed[range(len(codes)), codes]).max() < NEAR
        assert len(set(codes)) > 8, "a picture of few different codes proves nothing"
        return (first - second).min()

    def reference(self, ids: list[int], prompt: str, size: tuple[int, int], negative: str | None = None) -> np.ndarray:
        """The guided logits of each code after those before it, float64 [codes of the picture, codes]."""
        lanes, logits = self.lanes(prompt, size, negative)
        conditional, unconditional = (logits(lane + ids)[len(lane) - 1 : -1].numpy()[self.places_of_codes(size)] for lane in lanes)
        return unconditional + self.manifest["sampling"]["guidance"] * (conditional - unconditional)

    def lanes(self, prompt: str, size: tuple[int, int], negative: str | None) -> tuple[list[list[int]], Callable]:
        """The ids of both lanes before the picture, and the function that computes the reference's logits of a lane."""
        columns, rows = self.grid(size)
        section = self.manifest["prompt"]
        words = {
            "prompt": prompt, "negative": negative or section["negative"], "width": size[0], "height": size[1], "rows": rows,
            "columns": columns}
        places = {}
        logits = self.written.logits
        if encoder := self.manifest.get("textEncoder"):
            text = self.expand(encoder["ids"], words, places)
            logits = self.written.logits_of_text(text)
            places = {"prompt": range(encoder["firstId"], encoder["firstId"] + len(text)),
                      "nothing": range(encoder["firstId"] + len(text), encoder["firstId"] + 2 * len(text))}
        conditional = self.expand(section["conditional"], words, places)
        return [conditional, self.expand(section["unconditional"], words, places, len(conditional))], logits

    def expand(self, parts: list, words: dict, places: dict[str, range], length: int = 0) -> list[int]:
        """The ids of a prompt's parts. `places` are the ids of a text encoder's output. A fill part fills the lane up to `length`."""
        lane: list[list[int]] = []
        for part in parts:
            if isinstance(part, int):
                lane.append([part])
            elif "text" in part:
                lane.append(self.tokenize(part["text"].format(**words)))
            elif "from" in part:
                lane.append([part["from"] + words[part["plus"]] // part["per"]])
            elif "class" in part:
                lane.append([part["class"] + int(words["prompt"])])
            elif "encoded" in part:
                lane.append(list(places[part["encoded"]]))
            else:
                lane.append([part["fill"]] * (length - len(parts) + 1))  # all other parts are single ids
        return sum(lane, [])

    def program_in(self, folder: Path) -> Sjd:
        """The program with its own cache."""
        return dataclasses.replace(self._sjd, folder=folder)

    def tokenize(self, text: str) -> list[int]:
        self._runner.tokenizer(f"{self.name} text", self.folder, self.manifest["tokenizer"])
        return self._runner.tokenize(f"{self.name} text", [text])[0]


_models: dict[str, Model] = {}


@pytest.fixture(scope="module")
def drawn(request: pytest.FixtureRequest, sjd: Sjd, runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Model:
    if request.param not in _models:
        _models[request.param] = Model(request.param, tmp_path_factory.mktemp("family"), sjd, runner)
    return _models[request.param]


def of(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("drawn", names, indirect=True)


@of(*FAMILIES)
def test_greedy_pictures_equal_the_references(drawn: Model) -> None:
    """At temperature 0, exact methods choose the model's most likely codes."""
    methods = [("ar",), ("sjd", "--window", 8)]
    if drawn.name not in VARIANTS:
        methods += [("mc", "--window", 8), ("pac", "--window", 8)]
    pictures = drawn.draw(*(("--method", *method, *GREEDY) for method in methods))
    assert drawn.assert_greedy(pictures[0]) > NEAR, "methods may differ at near ties, so the test needs other weights"
    assert all(picture == pictures[0] for picture in pictures)


@of(*(name for name in FAMILIES if name not in VARIANTS))
def test_exact_draws_the_same_picture_as_ar(drawn: Model) -> None:
    methods = ("ar",), ("exact", "--window", 8), ("exact", "--window", "auto")
    pictures = drawn.draw(*(("--method", *method, "--seed", 7) for method in methods))
    assert all(picture == pictures[0] for picture in pictures)
    assert len(set(pictures[0])) > 8


@of(*INT8)
def test_int8_pictures_are_near_the_reference(drawn: Model) -> None:
    narrow, wide = drawn.draw(*(("--method", "exact", "--window", window, "--precision", "int8", *GREEDY) for window in (1, 8)))
    assert narrow == wide
    assert (drawn.reference(wide, drawn.prompt, drawn.size).argmax(axis=1) == drawn.codes(wide, drawn.size)).mean() > 0.8


@of("lumina", "emu3", "lumina2")
def test_pictures_have_the_requested_size(drawn: Model) -> None:
    asked = {"128x32": (128, 32), "32x128": (32, 128), "3:1": (96, 32)}
    for ids, size in zip(drawn.draw(*(("--size", option, *GREEDY) for option in asked)), asked.values()):
        drawn.assert_greedy(ids, size=size)
    done = drawn.run("--size", "100x40")
    assert done.returncode == REFUSED and "cannot draw 100x40; the nearest size it draws is 96x32" in done.stderr


@of("emu3")
def test_negative_prompts_are_read(drawn: Model) -> None:
    usual, other = drawn.draw(GREEDY, (*GREEDY, "--negative", "a red fox"))
    assert usual != other
    drawn.assert_greedy(other, negative="a red fox")


@of("lumina", "llamagen t2i", "janus")
def test_negative_prompts_are_refused(drawn: Model) -> None:
    done = drawn.run("--negative", "a red fox")
    assert done.returncode == REFUSED and "reads no negative prompt" in done.stderr


@of("llamagen c2i")
def test_classes_are_drawn_and_other_prompts_are_refused(drawn: Model) -> None:
    first, last = drawn.draw((*GREEDY, "--", "0"), (*GREEDY, "--", "9"))
    assert first != last
    drawn.assert_greedy(first, "0")
    drawn.assert_greedy(last, "9")
    for prompt in ("10", "-1", "fox"):
        done = drawn.run("--", prompt)
        assert done.returncode == REFUSED and "0 to 9" in done.stderr


@of("llamagen t2i")
def test_texts_of_any_length_up_to_the_limit_are_encoded(drawn: Model) -> None:
    """One of the places is for T5's </s>."""
    prompts = "x", " ".join(["fox"] * (PLACES - 1))
    for ids, prompt in zip(drawn.draw(*((*GREEDY, "--", prompt) for prompt in prompts)), prompts):
        drawn.assert_greedy(ids, prompt)
    done = drawn.run("--", f"{prompts[1]} fox")
    assert done.returncode == REFUSED and f"{PLACES + 1} tokens" in done.stderr and f"at most {PLACES}" in done.stderr


@of("llamagen t2i")
def test_captions_are_cleaned_unless_no_clean_is_given(drawn: Model) -> None:
    prompt, cleaned = "A RED FOX (on blue)", "a red fox on blue"
    assert drawn.tokenize(cleaned) != drawn.tokenize(prompt)
    pictures = drawn.draw((*GREEDY, "--", prompt), (*GREEDY, "--no-clean", "--", prompt))
    drawn.assert_greedy(pictures[0], cleaned)
    drawn.assert_greedy(pictures[1], prompt)


@pytest.mark.parametrize(("drawn", "token"), [
    ("lumina", "<reserved08706>"), ("emu3", "<|image token|>"), ("janus port", "<begin_of_image>"),
    ("llamagen t2i", "</s>")], indirect=["drawn"])
def test_text_never_becomes_a_special_token(drawn: Model, token: str) -> None:
    assert len(drawn.tokenize(token)) > 3
    prompt = f"a {token} fox"
    (ids,) = drawn.draw((*GREEDY, "--no-clean", "--", prompt))
    drawn.assert_greedy(ids, prompt)


@of("lumina", "emu3", "llamagen t2i", "llamagen c2i", "janus port")
def test_models_show_prints_license_and_prompt(drawn: Model, sjd: Sjd) -> None:
    lines = dict(line.split(": ", 1) for line in sjd.run("models", "show", drawn.folder).stdout.splitlines())
    license = drawn.manifest["license"]
    assert lines["license"] == license["id"] + ("" if license["commercial"] else ", not for commercial use")
    for part in drawn.manifest["prompt"]["conditional"]:
        said = part.get("text", part.get("encoded", part.get("class", part.get("from")))) if isinstance(part, dict) else part
        assert str(said).replace("\n", "\\n") in lines["prompt"]


@of("anole")
def test_the_license_is_shown_once(drawn: Model, tmp_path: Path) -> None:
    sjd = drawn.program_in(tmp_path)
    said = [sjd.run("generate", "a fox", "--model", drawn.folder).stderr for _ in range(2)]
    assert ["under the license chameleon-research. Not for commercial use." in each for each in said] == [True, False]


@of("lumina", "emu3")
def test_batches_draw_the_same_pictures_as_single_passes(drawn: Model) -> None:
    """With three pictures in batches of two, the third one joins when a place is free."""
    pictures = drawn.draw(*(("--method", "exact", "--window", 8, "--seed", 7, "--count", 3, "--batch", batch) for batch in (1, 2)))
    assert pictures[:3] == pictures[3:]
    assert len({tuple(picture) for picture in pictures}) == 3
