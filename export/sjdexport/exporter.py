"""From a checkpoint folder to a model folder, all or nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from . import contract
from .errors import ExportError
from .families import FAMILIES
from .graph import Graph, Graphs
from .image_decoder import ImageDecoderGraph
from .precision import PRECISIONS
from .safetensors import Checkpoint
from .tokenizer import build_tokenizer, read_tokenizer
from .transformer import Shape, Source, TransformerGraph, Variant
from .weights import Weights

STAGING = ".export"
SECTIONS = ("name", "license", "prompt", "layout", "image", "sampling", "decoding")


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    family: str
    checkpoint: Path
    out: Path
    precisions: tuple[str, ...]
    default_precision: str
    lanes: int = 2
    pictures: tuple[int, ...] = (2, 4, 8)  # beside the graphs of one picture, graphs of so many at once
    name: str | None = None  # else generation.json's, else the folder's
    copy_weights: bool = False  # else graphs point into the checkpoint's files

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ExportError(f"unknown family {self.family}; known are {', '.join(FAMILIES)}.")
        for precision in (*self.precisions, self.default_precision):
            if precision not in PRECISIONS:
                raise ExportError(f"unknown precision {precision}; known are {', '.join(PRECISIONS)}.")
        if self.default_precision not in self.precisions:
            raise ExportError(f"the default precision {self.default_precision} is not among those exported ({', '.join(self.precisions)}).")
        if not 1 <= self.lanes <= 64:
            raise ExportError(f"--lanes is {self.lanes}; it can be 1 to 64 (2 for one guided image).")
        for pictures in self.pictures:
            if not 2 <= pictures <= 64:
                raise ExportError(f"--pictures has {pictures}; a graph can hold 2 to 64 pictures beside the one that is always exported.")
        if not self.checkpoint.is_dir():
            raise ExportError(f"{self.checkpoint} is not a folder: give --checkpoint the folder that holds the weights.")


def export(options: ExportOptions, report: Callable[[str], None] = lambda line: None) -> None:
    """Writes the model folder. Raises ExportError, and leaves what was there before, if that cannot be done."""
    family = FAMILIES[options.family]
    checkpoint = Checkpoint(options.checkpoint)
    generation = _read_generation(options.checkpoint / "generation.json", family.generation)
    tokenizer = read_tokenizer(options.checkpoint / "tokenizer.json")
    source = family(checkpoint, generation["layout"], tokenizer["model"]["vocab"])
    manifest = _manifest(options, generation, source.shape)

    with _staging(options.out) as staging:
        for precision in options.precisions:
            _write_transformer(staging, options, precision, source)
            report(f"{contract.transformer_graph(precision)}: {source.shape.layers} layers, {options.lanes} lanes")

        graph = Graph("image_decoder")
        weights = Weights(graph, staging / "image_decoder.data", linked=not options.copy_weights)
        decoder = ImageDecoderGraph(graph, weights, checkpoint, family.vq_prefix, source.vq_groups)
        decoder.build()
        graph.save(staging / contract.IMAGE_DECODER)
        manifest["image"]["pixelsPerCode"] = decoder.pixels_per_code
        report(f"{contract.IMAGE_DECODER}: {decoder.pixels_per_code} pixels per code")

        graph = Graph("tokenizer")
        build_tokenizer(graph, tokenizer)
        graph.save(staging / contract.TOKENIZER)
        report(f"{contract.TOKENIZER}: {len(tokenizer['model']['vocab'])} tokens")

        if not options.copy_weights:
            _bring(checkpoint, staging, options.out)
        documents = [options.checkpoint / name for name in ("config.json", "tokenizer.json", "generation.json")]
        _publish(staging, options.out, manifest, [*documents, *checkpoint.files])
    report(f"{options.out / contract.MANIFEST}: done")


def _write_transformer(staging: Path, options: ExportOptions, precision: str, source: Source) -> None:
    """The graphs of one precision, which share their weights."""
    lanes = options.lanes
    variants = {
        contract.transformer_graph(precision): Variant(Graph("transformer"), lanes),
        contract.transformer_graph(precision, tree=True): Variant(Graph("transformer"), lanes, tree=True),
        **{contract.transformer_graph(precision, n): Variant(Graph("transformer"), n * lanes) for n in options.pictures},
    }
    graphs = Graphs([variant.graph for variant in variants.values()])
    weights = Weights(graphs, staging / f"transformer.{precision}.data", linked=not options.copy_weights)
    TransformerGraph(list(variants.values()), weights, PRECISIONS[precision].on(graphs, weights), source).build()
    for name, variant in variants.items():
        variant.graph.save(staging / name)


def _read_generation(path: Path, defaults: dict) -> dict:
    """The family's defaults with the sections of generation.json in their place."""
    if not path.exists():
        return dict(defaults)
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise ExportError(f"{path} is not a JSON object.")
    unknown = set(given) - set(SECTIONS)
    if unknown:
        raise ExportError(f"{path} has the unknown section {min(unknown)}; known are {', '.join(SECTIONS)}.")
    for section in set(given) & set(defaults):
        if not isinstance(given[section], dict):
            raise ExportError(f"{path}: section {section} is {json.dumps(given[section])}; expected an object.")
        if set(given[section]) != set(defaults[section]):
            raise ExportError(f"{path}: section {section} has the fields {sorted(given[section])}; expected are {sorted(defaults[section])}.")
    return {**defaults, **given}


def _manifest(options: ExportOptions, generation: dict, shape: Shape) -> dict:
    precisions = {
        p: {
            "graph": contract.transformer_graph(p),
            "batches": {str(n): contract.transformer_graph(p, n) for n in options.pictures},
            "tree": contract.transformer_graph(p, tree=True),
            "cache": PRECISIONS[p].cache,
        }
        for p in options.precisions
    }
    return {
        "format": contract.FORMAT,
        "name": options.name or generation.get("name") or options.out.resolve().name,
        "family": options.family,
        "license": generation["license"],
        "transformer": {
            "layers": shape.layers, "kvHeads": shape.kv_heads, "headDim": shape.head_dim, "lanes": options.lanes,
            "maxPositions": shape.max_positions, "precisions": precisions, "defaultPrecision": options.default_precision,
        },
        "tokenizer": {"graph": contract.TOKENIZER},
        "prompt": generation["prompt"],
        "layout": generation["layout"],
        "image": {"graph": contract.IMAGE_DECODER, "pixelsPerCode": 0, **generation["image"]},
        "sampling": generation["sampling"],
        "decoding": generation["decoding"],
    }


@contextlib.contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A folder inside `out` that is gone afterwards; and so is `out`, if it was made here and nothing came into it."""
    existed = out.exists()
    staging = out / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    try:
        staging.mkdir(parents=True)
        yield staging
    except OSError as error:
        raise ExportError(f"{error.filename or out} cannot be written: {error.strerror}.") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed:
            with contextlib.suppress(OSError):
                out.rmdir()


def _bring(checkpoint: Checkpoint, staging: Path, out: Path) -> None:
    """ONNX Runtime reads external data only from the graph's own folder: hard links cost no space, copies where links cannot be."""
    for file in checkpoint.files:
        if file.parent.resolve() == out.resolve():
            continue
        try:
            os.link(file.resolve(), staging / file.name)
        except OSError:
            shutil.copyfile(file, staging / file.name)


def _publish(staging: Path, out: Path, manifest: dict, sources: list[Path]) -> None:
    """A folder without model.json is no model: it goes first and comes last. All that takes time is done before."""
    kept = [file.name for file in sources if file.parent.resolve() == out.resolve() and file.exists()]
    produced = [file.name for file in staging.iterdir()]
    entries = contract.file_entries(out, kept) | contract.file_entries(staging, produced)
    manifest["files"] = dict(sorted(entries.items()))
    contract.write_manifest(staging, manifest)

    stale = _listed(out) - set(entries)
    (out / contract.MANIFEST).unlink(missing_ok=True)
    for name in produced:
        os.replace(staging / name, out / name)
    for name in stale:
        (out / name).unlink(missing_ok=True)  # what an earlier export made and this one does not
    os.replace(staging / contract.MANIFEST, out / contract.MANIFEST)


def _listed(out: Path) -> set[str]:
    try:
        listed = json.loads((out / contract.MANIFEST).read_text(encoding="utf-8"))["files"]
        return {name for name in listed if Path(name).name == name}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
