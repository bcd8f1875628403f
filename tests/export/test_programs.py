"""The programs that users start: their help, and what they say if Python packages are missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.runner import ROOT

EXPORT = ROOT / "export"
WITHOUT_PACKAGES = ["-S", "-E"]  # options of Python that hide all installed packages
PROGRAMS = {
    "export.py": ["export.py"],
    **{f"training.{name}": ["-m", f"training.{name}"] for name in (
        "emoji.train", "emoji.quality", "emoji.sample", "emoji.pack", "emoji.evaluate",
        "noto_emoji.train_autoencoder", "noto_emoji.train_transformer", "noto_emoji.pack", "noto_emoji.evaluate",
        "sjd2.finetune", "sjd2.trajectory", "sjd2.standing", "sjd2.likelihood",
        "flow.train",
        "policy.record", "policy.look", "policy.imitate", "policy.distill", "policy.pack",
        "thought.train", "thought.pack", "thought.questions", "thought.table")},
}


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=EXPORT, capture_output=True, text=True)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_is_printed(program: str) -> None:
    done = run_python(*PROGRAMS[program], "--help")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert done.stdout.startswith("usage: ")


def test_all_programs_are_tested_here() -> None:
    files = [file.relative_to(EXPORT) for file in EXPORT.rglob("*.py") if '__name__ == "__main__"' in file.read_text(encoding="utf-8")]
    assert {".".join(file.with_suffix("").parts) for file in files} == {name.removesuffix(".py") for name in PROGRAMS}


@pytest.mark.parametrize("program", ["export.py", "training.emoji.train"])
def test_without_its_packages_a_program_says_what_to_install(program: str) -> None:
    done = run_python(*WITHOUT_PACKAGES, *PROGRAMS[program], "--help")
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert "run pip install numpy onnx" in done.stderr and "apt-get install python3-numpy python3-onnx" in done.stderr
