"""Runs graphs on the engine's own ONNX Runtime, through tests/SjdOnnx.Export.Runner. onnxruntime for Python is not needed."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
PROJECT = ROOT / "tests" / "SjdOnnx.Export.Runner"
NOTHING: Mapping[str, str] = {}


class RunnerError(Exception):
    """An error of ONNX Runtime or of the engine's tokenizers."""


class Runner:
    """One process with many sessions. Buffers are tensors that stay in the process, such as key-value caches."""

    def __init__(self) -> None:
        command = ["dotnet", "run", "--project", str(PROJECT), "-c", "Release"]
        environment = {**os.environ, "DOTNET_NOLOGO": "1", "DOTNET_CLI_TELEMETRY_OPTOUT": "1"}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()

    def load(
        self, session: str, path: Path, threads: int = 1, optimized: Path | None = None, profile: Path | None = None, prepack: bool = True,
    ) -> float:
        """Loads a graph; returns the milliseconds. With `profile`, a prefix of a file name, a profile is written until end_profile."""
        request = {"optimized": optimized and str(optimized), "profile": profile and str(profile), "prepack": prepack}
        return self._ask(command="load", session=session, path=str(path), threads=threads, **request)["milliseconds"][0]

    def end_profile(self, session: str) -> Path:
        """Ends the profile; returns its file, a JSON array of trace events."""
        return Path(self._ask(command="profile", session=session)["profile"])

    def peak_bytes(self) -> int:
        """The largest resident set of the process so far."""
        return self._ask(command="memory")["peakBytes"]

    def buffer(self, name: str, dtype: str, shape: Sequence[int]) -> None:
        self._ask(command="buffer", name=name, tensor={"type": dtype, "shape": list(shape)})

    def run(
        self, session: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str],
        bound_inputs: Mapping[str, str] = NOTHING, bound_outputs: Mapping[str, str] = NOTHING,
    ) -> dict[str, np.ndarray]:
        answer = self._run(session, inputs, outputs, bound_inputs, bound_outputs, repeat=1)
        return {name: _from_wire(tensor) for name, tensor in answer["outputs"].items()}

    def time(self, session: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str], repeat: int,
             bound_inputs: Mapping[str, str] = NOTHING, bound_outputs: Mapping[str, str] = NOTHING) -> list[float]:
        """Milliseconds of each of `repeat` equal runs."""
        return self._run(session, inputs, outputs, bound_inputs, bound_outputs, repeat)["milliseconds"]

    def tokenizer(self, session: str, folder: Path, section: Mapping[str, object]) -> None:
        """Opens the tokenizer in a folder, by its section of model.json."""
        self._ask(command="tokenizer", session=session, path=str(folder), section=section)

    def tokenize(self, session: str, texts: Sequence[str]) -> list[list[int]]:
        return self._ask(command="tokenize", session=session, texts=list(texts))["ids"]

    def _run(self, session: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str],
             bound_inputs: Mapping[str, str], bound_outputs: Mapping[str, str], repeat: int) -> dict:
        return self._ask(
            command="run", session=session, inputs={name: _to_wire(array) for name, array in inputs.items()}, outputs=list(outputs),
            boundInputs=dict(bound_inputs), boundOutputs=dict(bound_outputs), repeat=repeat,
        )

    def _ask(self, **request: object) -> dict:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line.startswith("{"):
            raise RunnerError(f"the runner ended: {line}{self._process.stdout.read()}")
        answer = json.loads(line)
        if answer["error"]:
            raise RunnerError(answer["error"])
        return answer


def _to_wire(array: np.ndarray) -> dict:
    names = {"float32": "float", "int64": "int64", "int32": "int32", "float16": "float16", "uint8": "uint8"}
    return {
        "type": names[array.dtype.name], "shape": list(array.shape),
        "data": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}


def _from_wire(tensor: dict) -> np.ndarray:
    dtype = {"float": np.float32, "int64": np.int64, "uint8": np.uint8, "float16": np.float16}[tensor["type"]]
    return np.frombuffer(base64.b64decode(tensor["data"]), dtype).reshape(tensor["shape"])
