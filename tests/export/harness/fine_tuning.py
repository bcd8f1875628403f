"""For the tests of fine-tuning: files of ids, runs of finetune.py, and the families' transformers in PyTorch."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
from pathlib import Path

import numpy as np
import torch

from sjdexport.exporter import open_family
from sjdexport.families import Family, Given
from training.sjd2 import finetune
from training.sjd2.model import Denoiser, SourceTransformer
from training.sjd2.noise import Schedule

from . import family_checkpoints as checkpoints
from .family_exports import WRITERS

FIRST_CODE, CODES, ROW_END, IMAGE_END = 4, 32, 38, 36  # of the tiny model


def opened(written: checkpoints.Written) -> tuple[Given, Family]:
    given = dict(zip(*[iter(written.arguments)] * 2))
    size = int(given["--size"]) if "--size" in given else None
    return open_family(None, given["--checkpoint"], given.get("--vq"), given.get("--text-encoder"), size)


class Case:
    """A family's checkpoint, and its transformer in PyTorch."""

    def __init__(self, name: str, folder: Path) -> None:
        self.written = WRITERS[name](folder / "checkpoint")
        self.given, self.family = opened(self.written)
        self.transformer = SourceTransformer(self.family, self.given.checkpoint)
        codes = np.random.default_rng(6).integers(
            self.written.first_code, self.written.first_code + self.transformer.shape.codes, (3, 5)).tolist()
        picture = [id for row in codes for id in [*row, *self.written.row_end]]
        self.sequences = [prompt + picture for prompt in self.written.prompts]


def logits(transformer: SourceTransformer, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        return transformer.predict(transformer.embed(torch.tensor([ids])))[0].numpy()


def trained(case: Case) -> Denoiser:
    """The case's model with every parameter changed a little, as training would do."""
    given, family = opened(case.written)
    model = Denoiser(SourceTransformer(family, given.checkpoint), case.written.first_code, Schedule("cosine"), levels="added")
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter)).copy_(parameter.half().float())
    return model


def sequence(random: np.random.Generator, captioned: bool) -> list[int]:
    picture = [[*random.integers(FIRST_CODE, FIRST_CODE + CODES, 8), ROW_END] for _ in range(8)]
    return [0, *(random.integers(40, 200, 5) if captioned else []), 39, 37, *(id for row in picture for id in row), IMAGE_END]


def write_tokens(path: Path, sequences: list[list[int]] | None = None, dtype: str = "<i4") -> Path:
    """Writes a file of ids. Its bytes are assembled here, because write_safetensors writes no integers."""
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


def run_finetune(*arguments: object) -> subprocess.CompletedProcess[str]:
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = finetune.main([*map(str, arguments), "--threads", "1"])
    return subprocess.CompletedProcess(arguments, status, output.getvalue(), errors.getvalue())


def arguments(base: Path, *more: object) -> list[object]:
    return ["--checkpoint", base, "--tokens", base.parent / "pictures.safetensors", "--batch", 3, *more]
