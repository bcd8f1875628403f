"""Has the engine draw held-out scenes, and counts how many show what the caption says."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL import Image

from .sheet import contact_sheet

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ROOT / "src" / "SjdOnnx.Cli" / "bin" / "Release" / "net10.0"  # has a folder for each platform that was built for
MODEL = ROOT / "onnx-models" / "emoji"  # and not the copy beside the engine, which is as old as the last build
SEED = 2026


class Seen(NamedTuple):
    thing: int | None  # what a place of the picture shows, None for nothing known
    error: float  # squared error of the match, relative to that of the bare background


class Judgment(NamedTuple):
    background: bool  # whether the background is right
    items: tuple[bool, ...]  # whether each thing of the scene is in its place
    seen: tuple[Seen, ...]

    @property
    def right(self) -> bool:
        return self.background and all(self.items)


class Scene(Protocol):
    layout: str


def parser(description: str, prompts: int, tile_count: int) -> argparse.ArgumentParser:
    """The options that `run` reads."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--prompts", type=int, default=prompts, help="number of scenes (default: %(default)s)")
    options.add_argument(
        "--seed", type=int, default=SEED, help="seed for choosing scenes; scene i is drawn with seed i (default: %(default)s)")
    options.add_argument(
        "--out", type=Path, default=Path("evaluation"), help="folder for the pictures and result.json (default: %(default)s)")
    options.add_argument(
        "--model", default=MODEL, help="the model to evaluate, as sjd generate takes it (default: the repository's onnx-models/emoji)")
    options.add_argument("--traces", action="store_true", help="also write the trace of each picture, NUMBER.json, to --out")
    options.add_argument("--sheet", type=Path, help=f"also write a contact sheet of the first {tile_count} pictures")
    return options


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The evaluation's own arguments, and those after `--`, which are for `sjd generate`."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return list(arguments[:at]), list(arguments[at + 1 :])


def run(
    scenes: Sequence[tuple[Scene, str]], judge: Callable[[np.ndarray, Any], Judgment], options: argparse.Namespace, engine: Sequence[str],
    tile: int, tile_count: int, draw: Callable[[Any], np.ndarray] | None = None,
) -> None:
    """Draws a picture for each scene and caption, and writes result.json and the contact sheet.

    `draw` makes true drawings, to measure the judge's own errors.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    pictures, records = [], []
    for i, (scene, caption) in enumerate(scenes):
        file = options.out / f"{i:04}.png"
        traced = ("--trace", file.with_suffix(".json")) if options.traces else ()
        drawn = generate(caption, i, file, options.model, [*engine, *traced])
        picture = np.asarray(Image.open(file).convert("RGB"))
        judgment = judge(picture, scene)
        pictures.append((picture, caption, judgment.right))
        records.append({"caption": caption, "layout": scene.layout, "background": judgment.background, "items": judgment.items,
                        "error": [round(seen.error, 3) for seen in judgment.seen],
                        **({} if draw is None else {"true_scene_right": judge(draw(scene), scene).right}),
                        "tokens": drawn["tokens"], "forward_passes": drawn["forward_passes"]})
        if (i + 1) % 20 == 0 or i + 1 == len(scenes):
            print(summary(records), file=sys.stderr, flush=True)

    (options.out / "result.json").write_text(json.dumps({"summary": summary(records), "pictures": records}, indent=1) + "\n")
    if options.sheet:
        options.sheet.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(pictures[:tile_count], tile).save(options.sheet, optimize=True)
    print(json.dumps(summary(records), indent=1))


def generate(caption: str, seed: int, file: Path, model: str | Path, arguments: Sequence[str]) -> dict[str, Any]:
    """Runs `sjd generate`; returns the picture's entry in its JSON report."""
    program = next(ENGINES.glob("*/sjd.dll"), None)
    if program is None:
        raise SystemExit("sjd is not built: run dotnet build -c Release src/SjdOnnx.Cli in the repository's root.")
    command = ["dotnet", program, "generate", caption, "--seed", str(seed), "--output", file, "--json", "--model", model, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"sjd generate ended with status {ran.returncode}: {ran.stderr.strip()}")
    return json.loads(ran.stdout)["images"][0]


def summary(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    def share(of: Sequence[dict[str, Any]], test: Callable[[dict[str, Any]], bool]) -> float:
        return round(sum(map(test, of)) / len(of), 4) if of else 0.0

    layouts = {record["layout"]: [other for other in records if other["layout"] == record["layout"]] for record in records}
    judged = [record for record in records if "true_scene_right" in record]
    return {
        "prompts": len(records),
        "background": share(records, lambda r: r["background"]),
        "every_item": share(records, lambda r: all(r["items"])),
        "right": share(records, lambda r: r["background"] and all(r["items"])),
        "every_item_by_layout": {layout: share(of, lambda r: all(r["items"])) for layout, of in sorted(layouts.items())},
        **({"true_scenes_judged_wrong": round(1 - share(judged, lambda r: r["true_scene_right"]), 4)} if judged else {}),
        "tokens_per_pass": round(sum(r["tokens"] for r in records) / sum(r["forward_passes"] for r in records), 3),
    }
