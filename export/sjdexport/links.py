"""Files of the checkpoint that graphs point into, and how they come into the model folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Links:
    """ONNX Runtime reads external data only from the graph's own folder: hard links cost no space, copies where links cannot be."""

    def __init__(self, out: Path) -> None:
        self._out = out.resolve()
        self._names: dict[Path, str] = {}

    def name(self, path: Path) -> str:
        """What the file is called in the model folder: its own name, unless another file bears that."""
        path = path.resolve()
        if path not in self._names:
            taken = {*self._names.values(), *self._other_files(path)}
            names = (path.name, f"{path.parent.name}.{path.name}", *(f"{n}.{path.name}" for n in range(2, len(taken) + 3)))
            self._names[path] = path.name if path.parent == self._out else next(name for name in names if name not in taken)
        return self._names[path]

    @property
    def files(self) -> list[Path]:
        return list(self._names)

    def bring(self, staging: Path) -> None:
        """Puts the files that do not lie in the model folder already into `staging`."""
        for path, name in self._names.items():
            if path.parent == self._out:
                continue
            try:
                os.link(path, staging / name)
            except OSError:
                shutil.copyfile(path, staging / name)

    def _other_files(self, path: Path) -> set[str]:
        """Names in the model folder that are not this very file from an earlier export."""
        if not self._out.is_dir():
            return set()
        return {file.name for file in self._out.iterdir() if file.is_file() and not (path.exists() and file.samefile(path))}
