"""Runs the command-line program as its users do."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

from .runner import ROOT

PROJECT = ROOT / "src" / "SjdOnnx.Cli"


@dataclasses.dataclass(frozen=True)
class Sjd:
    """The built program, and a folder for its cache and its files."""

    program: Path
    folder: Path

    @staticmethod
    def build(folder: Path) -> Sjd:
        options = ("-c", "Release", "--nologo", "--verbosity", "quiet")
        subprocess.run(["dotnet", "build", PROJECT, *options], check=True, stdout=subprocess.DEVNULL)
        where = ["dotnet", "msbuild", PROJECT, "-p:Configuration=Release", "-getProperty:TargetPath"]
        return Sjd(Path(subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()), folder)

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        # A tiny picture takes a second, and much of that is compiling loops that run once.
        environment = {**os.environ, "SJDONNX_CACHE": str(self.folder / "cache"), "DOTNET_TC_QuickJitForLoops": "1"}
        command = ["dotnet", str(self.program), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, env=environment)
