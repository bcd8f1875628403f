"""The checks for GPU machines in tests/gpu, run on the CPU, so that they work when there is a GPU."""

from __future__ import annotations

import importlib.util
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from harness import tiny
from harness.runner import ROOT

GPU = ROOT / "tests" / "gpu"


def load(name: str) -> ModuleType:
    """A program of tests/gpu as a module."""
    spec = importlib.util.spec_from_file_location(f"gpu_{name}", GPU / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def check(results: Path, *arguments: object) -> tuple[subprocess.CompletedProcess[str], list[dict]]:
    command = [GPU / "check.sh", results, "--provider", "cpu", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHON": sys.executable})
    return done, json.loads((results / "results.json").read_text())["checks"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    for project in ("src/SjdOnnx.Cli", "tests/SjdOnnx.Gpu"):
        command = ["dotnet", "publish", ROOT / project, "-c", "Release", "-o", folder, "--nologo", "--verbosity", "quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def test_all_checks_pass_on_the_cpu(engine: Path, tmp_path: Path) -> None:
    tiny.write_checkpoint(tmp_path / "tiny")
    done, lines = check(
        tmp_path / "results", "--engine", engine, "--checkpoint", tmp_path / "tiny", "--images", 4, "--work", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line["status"] for line in lines} == {"pass", "info"}
    assert done.stdout.splitlines()[-1].startswith(f"{sum(line['status'] == 'pass' for line in lines)} passed, 0 failed")
    names = [line["name"] for line in lines]
    for expected in (
            "sjd doctor", "sjd generate, 8 images in a pass", "an unknown option is refused", "logits against the CPU, heads of 128",
            "logits against the CPU, heads of 128, int8-fp16", "logits after a rollback, heads of 32",
            "windows with the bits of single tokens, heads of 32", "mc, 2 images in a pass", "images of exact that are not ar's, fp16",
            "pass of 33 tokens a lane, model with heads of 128", "loading the model with heads of 128",
            "an image of the model with heads of 128"):
        assert names.count(expected) == 1, expected
    assert "[0 after" in (tmp_path / "results" / "programs.log").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"tiny", "results"}


def test_without_an_engine_every_check_fails_and_the_others_go_on(tmp_path: Path) -> None:
    tiny.write_checkpoint(tmp_path / "tiny")
    done, lines = check(tmp_path / "results", "--engine", tmp_path / "nowhere", "--checkpoint", tmp_path / "tiny", "--work", tmp_path)
    assert done.returncode == 1
    failed = [line for line in lines if line["status"] == "FAIL"]
    assert len(failed) >= 10 and not any(line["status"] == "pass" for line in lines)
    assert failed[0]["name"] == "sjd doctor" and failed[-1]["name"] == "an image of the model with heads of 128"


@pytest.mark.parametrize(
    ("unequal", "told"), [([], "all to 33"), ([17, 33], "to 9, not 17, 33"), ([2], "to 1, not 2"), ([9], "to 2, not 9")])
def test_the_size_up_to_which_windows_have_equal_bits_is_told(unequal: list[int], told: str) -> None:
    assert load("check").equal_up_to([2, 9, 17, 33], unequal) == told


def test_times_of_kernels_are_summed_in_one_unit() -> None:
    output = '\n'.join([
        "==PROF== Connected", '"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"', '"0","void a(int)","t","ns","1,500"',
        '"1","b","t","us","40"', '"2","void a(int)","t","ms","0.001"', '"3","b","t","?","1"', '"4","c","t","us","n/a"', "{}"])
    assert load("check").kernel_times(output) == [("b", 40.0, 1), ("a(int)", 2.5, 2)]


def fat_binary(*parts: tuple[int, int, bytes]) -> bytes:
    """Entries of a kind and an architecture, as CUDA's libraries have them."""
    entries = b"".join(struct.pack("<HHIQ", kind, 1, 64, len(code)) + bytes(12) + struct.pack("<I", sm) + bytes(32) + code
                       for kind, sm, code in parts)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(entries)) + entries


def test_machine_code_for_other_gpus_is_blanked(tmp_path: Path) -> None:
    """Code for virtual architectures stays, and so do bytes around."""
    def library(old: bytes) -> bytes:
        chance = struct.pack("<I", 0xBA55ED50) + b"\xff" * 24
        parts = [(2, 80, old), (2, 90, b"new" * 8), (1, 120, b"virtual!")]
        return b"before" + chance + fat_binary(*parts) + b"between" + fat_binary((2, 75, old)) + b"after"

    code = b"old code" * 5
    (tmp_path / "lib").write_bytes(library(code))
    done = subprocess.run(
        [sys.executable, GPU / "thin.py", tmp_path / "lib", tmp_path / "thin", "90"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == "1 parts for sm_90 kept, 2 for other GPUs blanked\n", done.stderr
    assert (tmp_path / "thin").read_bytes() == library(bytes(len(code)))


def test_a_library_without_code_for_the_gpu_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lib").write_bytes(fat_binary((2, 80, b"old code")))
    done = subprocess.run(
        [sys.executable, GPU / "thin.py", tmp_path / "lib", tmp_path / "thin", "90"], capture_output=True, text=True)
    assert done.returncode == 1 and "has no code for sm_90" in done.stderr and not (tmp_path / "thin").exists()
