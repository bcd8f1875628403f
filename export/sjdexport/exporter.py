"""Exports a checkpoint into a model folder, completely or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from . import contract
from .checkpoint import open_checkpoint
from .denoising import Denoising
from .errors import ExportError
from .families import Family, Given, find_family
from .families.given import read_json
from .graph import Graph, Graphs
from .padding import with_wide_heads
from .precision import FUSED_BLOCK, FUSED_OUTPUTS, INT4_BLOCKS, PRECISIONS
from .progress import Progress
from .sections import check_manifest, merge, read_generation
from .systems import System, find_system
from .transformer import Shape, Source, TransformerGraph, Variant
from .weights import Weights

STAGING = ".export"
DOCUMENTS = ("config.json", "tokenizer.json", "generation.json")


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    family: str | None  # None: detected from the checkpoint
    checkpoint: Path
    out: Path
    precisions: tuple[str, ...]
    default_precision: str
    lanes: int = 2
    pictures: tuple[int, ...] = (2, 4, 8)  # batch sizes that get graphs, in addition to graphs for one picture
    name: str | None = None  # None: the name in generation.json, or that of the folder
    share_weights: bool = False  # whether graphs read the checkpoint's safetensors in `out` (see Weights)
    vq: Path | None = None
    text_encoder: Path | None = None
    size: int | None = None  # pixels
    int4_block: int = 32
    chosen: bool = True  # whether the user chose the precisions
    base: Path | None = None
    unnorm_key: str | None = None  # of a policy, like the next two
    chunk: int | None = None
    gripper: str | None = None

    def __post_init__(self) -> None:
        for precision in (*self.precisions, self.default_precision):
            if precision not in PRECISIONS:
                raise ExportError(f"unknown precision '{precision}'; expected {', '.join(PRECISIONS)}.")
        if self.default_precision not in self.precisions:
            raise ExportError(
                f"the default precision {self.default_precision} is not exported; expected one of {', '.join(self.precisions)}.")
        if self.lanes not in (1, 2):
            raise ExportError(f"--lanes is {self.lanes}; expected 1 (no guidance) or 2 (conditional, unconditional).")
        for pictures in self.pictures:
            if not 2 <= pictures <= 64:
                raise ExportError(
                    f"--pictures has {pictures}; expected batch sizes from 2 to 64. A graph for one picture is always exported.")
        if self.int4_block not in INT4_BLOCKS:
            raise ExportError(f"--int4-block is {self.int4_block}; expected {' or '.join(map(str, INT4_BLOCKS))}.")
        if self.share_weights and not any(_lies_in(self.out, path) for path in (self.checkpoint, self.vq, self.text_encoder) if path):
            raise ExportError(
                f"--share-weights needs weights inside the model folder {self.out}, and {self.checkpoint} is not in it: "
                "give the weights' folder as --out, or remove --share-weights."
            )


def export(options: ExportOptions, output: TextIO = sys.stdout) -> None:
    """Writes the model folder. If that fails, raises ExportError and leaves the folder as it was."""
    given = open_given(options.checkpoint, options.vq, options.text_encoder, options.size, options.base)
    if (system := find_system(options.family, given.checkpoint, given.config)) is not None:
        given = dataclasses.replace(given, unnorm_key=options.unnorm_key, chunk=options.chunk, gripper=options.gripper)
        _export_system(options, system(given), given, output)
        return
    family = find_family(options.family, given.checkpoint, given.config)(given)
    checkpoint, folder = given.checkpoint, given.folder
    known = family.generation()
    if "textEncoder" in known:  # a Run reads the encoded text of one picture
        options = dataclasses.replace(options, pictures=())
    source = with_wide_heads(family)
    merged = {**known, **merge(family.name, known, given.sections)}
    denoising = Denoising.read(checkpoint, source.shape.hidden, given.sections.get("denoising"))
    if denoising is not None:
        merged["denoising"] = {**given.sections["denoising"], **denoising.section()}
    manifest = _manifest(options, family, source.shape, merged, given.sections.get("name"))

    others = 1 + sum(each is not None for each in (family.tokenizer(), family.text_encoder()))  # parts besides the transformer
    progress = Progress(source.shape.layers * len(options.precisions) + others, output)
    with _staging(options.out) as staging:
        writer = Writer(staging, options, progress)
        errors = {precision: writer.transformer(precision, source, denoising) for precision in options.precisions}
        if errors := {precision: each for precision, each in errors.items() if each}:
            (staging / contract.QUANTIZATION).write_text(json.dumps(errors, indent=2) + "\n", encoding="utf-8")
        writer.others(family)
        if (tokenizer := family.tokenizer()) is not None:
            manifest["tokenizer"] |= tokenizer.write(staging)
            progress.advance("tokenizer")
            progress.done(f"tokenizer: {tokenizer.size} tokens")
        documents = [folder / name for name in DOCUMENTS]
        left = _publish(staging, options.out, manifest, [*documents, *writer.shared])
    _finish(progress, options.out, left)


def open_family(name: str | None, path: Path, vq: Path | None, text_encoder: Path | None, size: int | None) -> tuple[Given, Family]:
    """Opens a checkpoint with the documents beside it, as a model of the named family or of the one that is detected."""
    given = open_given(path, vq, text_encoder, size)
    return given, find_family(name, given.checkpoint, given.config)(given)


def open_given(path: Path, vq: Path | None, text_encoder: Path | None, size: int | None, base: Path | None = None) -> Given:
    """Opens a checkpoint with the documents beside it."""
    checkpoint = open_checkpoint(path)
    # The documents beside a single file may belong to other models.
    whole, folder = path.is_dir(), checkpoint.folder
    config = read_json(folder / "config.json") if whole and (folder / "config.json").exists() else {}
    sections = read_generation(folder / "generation.json") if whole else {}
    return Given(checkpoint, config, sections, vq, text_encoder, size, base, read=[folder / "config.json"] if whole else [])


def _export_system(options: ExportOptions, system: System, given: Given, output: TextIO) -> None:
    precisions = options.precisions if options.chosen else system.precisions[:1]
    if missing := [precision for precision in precisions if precision not in system.precisions]:
        raise ExportError(f"{system.name} has no precision {missing[0]}; expected {', '.join(system.precisions)}.")
    progress = Progress(system.parts(precisions), output)
    with _staging(options.out) as staging:
        sections = system.write(staging, precisions, progress)
        name = options.name or given.sections.get("name") or options.out.resolve().name
        manifest = {"format": contract.FORMAT, "name": name, "family": system.name, **sections}
        left = _publish(staging, options.out, manifest, [])
    _finish(progress, options.out, left)


class Writer:
    """Writes graphs into a folder."""

    def __init__(self, folder: Path, options: ExportOptions, progress: Progress) -> None:
        self._folder, self._options, self._progress = folder, options, progress
        self._weights: list[Weights] = []

    @property
    def shared(self) -> set[Path]:
        """The checkpoint's files that graphs read."""
        return {path for weights in self._weights for path in weights.shared}

    def transformer(self, precision: str, source: Source, denoising: Denoising | None = None) -> dict[str, float]:
        """Writes the graphs of one precision, which share their weights. Returns the error of each quantized matrix."""
        lanes, name = self._options.lanes, contract.transformer_graph(precision)
        variants = {
            name: Variant(Graph("transformer"), lanes),
            contract.transformer_graph(precision, tree=True): Variant(Graph("transformer"), lanes, tree=True),
            **{contract.transformer_graph(precision, n): Variant(Graph("transformer"), n * lanes) for n in self._options.pictures},
            **({contract.lane_graph(precision): Variant(Graph("transformer"), 1)} if _has_lane_graph(
                precision, self._options, source.shape) else {}),
        }
        graphs = Graphs([variant.graph for variant in variants.values()])
        weights = self._add_weights(graphs, f"transformer.{precision}.data")
        kind = PRECISIONS[precision].on(graphs, weights, self._options.int4_block)
        TransformerGraph(list(variants.values()), weights, kind, source, denoising).build(lambda: self._progress.advance(name))
        for file, variant in variants.items():
            variant.graph.save(self._folder / file)
        self._progress.done(f"{name}: {source.shape.layers} layers, {lanes} lanes{_worst(kind.errors)}")
        if kind.unfused:
            self._progress.done(f"{name}: {_slow(kind.unfused)}")
        return kind.errors

    def others(self, family: Family) -> None:
        """Writes the graphs of the image decoder and, if there is one, the text encoder."""
        graph, decoder = Graph("image_decoder"), family.image_decoder()
        decoder.build(graph, self._add_weights(graph, "image_decoder.data"))
        graph.metadata(contract.METADATA_PIXELS, decoder.pixels_per_code)
        self._save(graph, contract.IMAGE_DECODER, f"{decoder.pixels_per_code} pixels per code")
        if (encoder := family.text_encoder()) is not None:
            graph = Graph("text_encoder")
            encoder.build(graph, self._add_weights(graph, "text_encoder.data"))
            self._save(graph, contract.TEXT_ENCODER, f"up to {encoder.places} tokens")

    def _add_weights(self, graph: Graph, data: str) -> Weights:
        self._weights.append(Weights(graph, self._folder / data, self._options.out if self._options.share_weights else None))
        return self._weights[-1]

    def _save(self, graph: Graph, name: str, description: str) -> None:
        graph.save(self._folder / name)
        self._progress.advance(name)
        self._progress.done(f"{name}: {description}")


def _has_lane_graph(precision: str, options: ExportOptions, shape: Shape) -> bool:
    """Whether lanes are read by Runs side by side: on a CPU, where weights are integers and fit its caches.

    A text encoder's vectors are the conditional lane's alone.
    """
    return PRECISIONS[precision].by_lane and options.lanes > 1 and not shape.encoded_text


def _worst(errors: dict[str, float]) -> str:
    """The mean and the largest rounding error of a precision's matrices."""
    if not errors:
        return ""
    worst = max(errors, key=errors.__getitem__)
    return f"; relative rounding error {100 * sum(errors.values()) / len(errors):.2f} % on average, {100 * errors[worst]:.2f} % in {worst}"


def _slow(products: list[str]) -> str:
    """That GPUs compute these products slowly, and why."""
    outputs = " or ".join(f"{FUSED_OUTPUTS[bits]} at {bits} bits" for bits in sorted(FUSED_OUTPUTS))
    return (
        f"{len(products)} products, the first of them {products[0]}, do not fit CUDA's fused kernels and will be slow there; these kernels "
        f"need blocks of {FUSED_BLOCK} weights and outputs in multiples of {outputs}")


def _manifest(options: ExportOptions, family: Family, shape: Shape, sections: dict, name: str | None) -> dict:
    precisions = {
        p: {
            "graph": contract.transformer_graph(p),
            "batches": {str(n): contract.transformer_graph(p, n) for n in options.pictures},
            "tree": contract.transformer_graph(p, tree=True),
            **({"lane": contract.lane_graph(p)} if _has_lane_graph(p, options, shape) else {}),
            "cache": PRECISIONS[p].cache,
        }
        for p in options.precisions
    }
    manifest = {
        "format": contract.FORMAT,
        "name": options.name or name or options.out.resolve().name,
        "family": family.name,
        "license": sections["license"],
        "transformer": {
            "layers": shape.layers, "kvHeads": shape.kv_heads, "headDim": shape.head_dim, "lanes": options.lanes,
            "maxPositions": shape.max_positions, "precisions": precisions, "defaultPrecision": options.default_precision,
        },
    }
    if family.tokenizer() is not None:
        manifest["tokenizer"] = {}  # filled in when its files are written
    if "textEncoder" in sections:
        manifest["textEncoder"] = {"graph": contract.TEXT_ENCODER, **sections["textEncoder"]}
    return {
        **manifest,
        "prompt": sections["prompt"],
        "layout": sections["layout"],
        "image": {"graph": contract.IMAGE_DECODER, "pixelsPerCode": family.image_decoder().pixels_per_code, **sections["image"]},
        "sampling": sections["sampling"],
        "decoding": sections["decoding"],
        **({"denoising": sections["denoising"]} if "denoising" in sections else {}),
    }


@contextlib.contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A temporary folder inside `out`. It is removed afterwards, and so is `out` if it did not exist before and is empty."""
    existed = out.exists()
    staging = out / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        yield staging
    except OSError as error:
        raise ExportError(f"{error.filename or out} cannot be {_attempted(error, out)}: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed:
            with contextlib.suppress(OSError):
                out.rmdir()


def _attempted(error: OSError, out: Path) -> str:
    """What failed: "written" for `out` and the exporter's files in it, else "read"."""
    if error.filename is None:  # an open file; the usual reason is a full disk
        return "read" if error.errno == errno.EIO else "written"
    file, out = Path(os.fsdecode(error.filename)).absolute(), out.absolute()
    made = file.parent == out and (file.name == contract.MANIFEST or contract.is_own(file.name))
    return "written" if made or out.is_relative_to(file) or file.is_relative_to(out / STAGING) else "read"


def _publish(staging: Path, out: Path, manifest: dict, sources: Sequence[Path]) -> list[str]:
    """Moves the files into place. model.json is removed first and added last, because a folder without it is not a model.

    Returns the files of an earlier export that are not listed any more and that the exporter does not remove.
    """
    kept = [file.name for file in sources if file.parent.resolve() == out.resolve() and file.exists()]
    produced = [file.name for file in staging.iterdir()]
    entries = contract.file_entries(out, kept) | contract.file_entries(staging, produced)
    manifest["files"] = dict(sorted(entries.items()))
    check_manifest(manifest)
    contract.write_manifest(staging, manifest)

    stale = [out / name for name in sorted(_listed(out) - set(entries))]
    (out / contract.MANIFEST).unlink(missing_ok=True)
    for name in produced:
        os.replace(staging / name, out / name)
    left = [file.name for file in stale if file.is_file() and not _drop(file)]
    os.replace(staging / contract.MANIFEST, out / contract.MANIFEST)
    return left


def _finish(progress: Progress, out: Path, left: list[str]) -> None:
    if left:
        progress.done(f"{', '.join(left)}: kept in {out}, although the model does not read it")
    progress.done(f"{out / contract.MANIFEST}: done")


def _drop(file: Path) -> bool:
    """Removes a file of an earlier export; returns whether it is gone. Other files may be the user's only copy of the weights, and stay."""
    if contract.is_own(file.name):
        with contextlib.suppress(OSError):
            file.unlink()
    return not file.exists()


def _lies_in(folder: Path, path: Path) -> bool:
    """Whether the path is that folder or a file in it."""
    return folder.resolve() in (path.resolve(), path.resolve().parent)


def _listed(out: Path) -> set[str]:
    try:
        listed = json.loads((out / contract.MANIFEST).read_text(encoding="utf-8"))["files"]
        return {name for name in listed if Path(name).name == name}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()
