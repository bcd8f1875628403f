"""Every family's tiny checkpoint by name, and its export."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import family_checkpoints as checkpoints
import numpy as np
import pytest
from conftest import run_export
from family_checkpoints import CODES, Written

from sjdexport.checkpoint import Checkpoint
from sjdexport.exporter import ExportOptions, Writer, export
from sjdexport.families import llamagen
from sjdexport.families.given import Given, read_json
from sjdexport.families.simplear import SimpleAR
from sjdexport.precision import PRECISIONS
from sjdexport.progress import Progress
from sjdexport.sections import read_generation

SHUFFLED = np.random.default_rng(5).permutation(CODES).tolist()

WRITERS: dict[str, Callable[[Path], Written]] = {
    "lumina": lambda folder: checkpoints.chameleon(folder, lumina=True),
    "lumina 34b": lambda folder: checkpoints.chameleon(folder, lumina=True, swin=True, heads=8, norm_rows=4),
    "anole": lambda folder: checkpoints.chameleon(folder, norm_rows=4, order=SHUFFLED),
    "anole meta": lambda folder: checkpoints.chameleon(folder, meta=True, order=SHUFFLED),
    "chameleon 34b meta": lambda folder: checkpoints.chameleon(folder, meta=True, swin=True, norm_rows=4, heads=8),
    "emu3": checkpoints.emu3,
    "llamagen c2i": lambda folder: checkpoints.llamagen(folder, text=False),
    "llamagen t2i": lambda folder: checkpoints.llamagen(folder, text=True),
    "llamagen 3b": lambda folder: checkpoints.llamagen(folder, text=False, head_dim=100),
    "janus": lambda folder: checkpoints.janus(folder, port=False),
    "janus port": lambda folder: checkpoints.janus(folder, port=True),
    "lumina2": checkpoints.lumina2,
    "simplear tied": lambda folder: checkpoints.simplear(folder, tied=True),
    "simplear": lambda folder: checkpoints.simplear(folder, tied=False),
}


def export_family(name: str, written: Written, folder: Path, precisions: Sequence[str], pictures: Sequence[int] = ()) -> dict:
    """Exports the family's checkpoint into the folder; returns model.json. Of SimpleAR only the transformer: its decoder cannot be."""
    if name.startswith("simplear"):
        return _export_transformer(written, folder, precisions, tuple(pictures))
    if name == "llamagen 3b":
        precisions = [precision for precision in precisions if not precision.startswith("int4")]  # 200 inputs are no whole blocks
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(llamagen.HEAD_DIMS, 200, 100)  # only the real one is wide enough to be told by its width
            export(ExportOptions(
                None, written.arguments[1], folder, tuple(precisions), precisions[0], pictures=tuple(pictures), vq=written.arguments[3],
                size=64))
    else:
        lists = ["--precision", ",".join(precisions), "--pictures", ",".join(map(str, pictures))]
        done = run_export(*written.arguments, "--out", folder, *lists)
        assert done.returncode == 0, done.stderr
    return json.loads((folder / "model.json").read_text())


def _export_transformer(written: Written, folder: Path, precisions: Sequence[str], pictures: tuple[int, ...]) -> dict:
    checkpoint = Checkpoint(written.arguments[1])
    given = Given(checkpoint, read_json(checkpoint.folder / "config.json"), read_generation(checkpoint.folder / "generation.json"))
    source = SimpleAR(given)
    folder.mkdir(parents=True)
    options = ExportOptions(None, checkpoint.folder, folder, tuple(precisions), precisions[0], pictures=pictures)
    writer = Writer(folder, options, Progress(source.shape.layers * len(precisions)))
    for precision in precisions:
        writer.transformer(precision, source)
    shape = source.shape
    return {"transformer": {"layers": shape.layers, "kvHeads": shape.kv_heads, "headDim": shape.head_dim, "lanes": 2,
                            "precisions": {precision: {"cache": PRECISIONS[precision].cache} for precision in precisions}}}
