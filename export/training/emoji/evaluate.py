"""Asks the engine for held-out scenes and says how many it draws as asked.

    dotnet build -c Release src/SjdOnnx.Cli
    cd export/training
    python3 -m emoji.evaluate --sprites /tmp/training/sprites.npz --prompts 300 --out /tmp/evaluation --sheet /tmp/sheet.png

Everything after `--` goes to `sjd generate`, for example `-- --method ar --top-k 50`; without it the model's own defaults are judged.
A picture is right when its background is, and every thing in its place, by template match over all things (judge.py). The judge's own
errors are measured on the true drawings of the same scenes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from .captions import plain_caption
from .judge import Judge
from .scenes import LAYOUTS, Scene, draw, random_scene
from .sheet import contact_sheet
from .sprites import Sprites

ROOT = Path(__file__).resolve().parents[3]
ENGINE = ROOT / "src" / "SjdOnnx.Cli" / "bin" / "Release" / "net10.0" / "sjd.dll"
MODEL = ROOT / "onnx-models" / "emoji"  # not the copy beside the engine, which is as old as its last build
SEED = 2026
SHEET = 48


def held_out_prompts(count: int, seed: int) -> list[tuple[Scene, str]]:
    """Scenes with a combination that training never drew, and captions that name all that is judged."""
    random = np.random.default_rng(seed)
    prompts: dict[str, Scene] = {}
    while len(prompts) < count:
        scene = random_scene(random, held_out=True)
        prompts.setdefault(plain_caption(scene, random), scene)
    return [(scene, words) for words, scene in prompts.items()]


def generate(words: str, seed: int, file: Path, arguments: list[str]) -> dict[str, object]:
    """Runs the engine; what its --json says of the picture."""
    model = [] if "--model" in arguments else ["--model", MODEL]
    command = ["dotnet", ENGINE, "generate", words, "--seed", str(seed), "--output", file, "--json", *model, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"sjd generate ended with {ran.returncode}: {ran.stderr.strip()}")
    return json.loads(ran.stdout)["images"][0]


def main() -> None:
    own, engine = sys.argv[1:], []
    if "--" in own:
        own, engine = own[: own.index("--")], own[own.index("--") + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sprites", type=Path, required=True, help="the pictures of the things, which train.py fetches")
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--seed", type=int, default=SEED, help="of the choice of scenes; scene i is drawn with seed i")
    parser.add_argument("--out", type=Path, default=Path("evaluation"), help="folder for the pictures and result.json")
    parser.add_argument("--sheet", type=Path, help=f"also write a contact sheet of the first {SHEET} pictures")
    options = parser.parse_args(own)

    options.out.mkdir(parents=True, exist_ok=True)
    sprites = Sprites(options.sprites)
    judge, pictures, records = Judge(sprites), [], []
    for i, (scene, words) in enumerate(held_out_prompts(options.prompts, options.seed)):
        file = options.out / f"{i:04}.png"
        drawn = generate(words, i, file, engine)
        picture = np.asarray(Image.open(file).convert("RGB"))
        judgement, of_true = judge.judge(picture, scene), judge.judge(draw(scene, sprites), scene)
        pictures.append((picture, words, judgement.right))
        records.append({"prompt": words, "layout": scene.layout, "background": judgement.background, "items": judgement.items,
                        "error": [round(seen.error, 3) for seen in judgement.seen], "true_scene_right": of_true.right,
                        "tokens": drawn["tokens"], "forward_passes": drawn["forward_passes"]})
        if (i + 1) % 20 == 0:
            print(summary(records), file=sys.stderr, flush=True)

    (options.out / "result.json").write_text(json.dumps({"summary": summary(records), "pictures": records}, indent=1) + "\n")
    if options.sheet:
        contact_sheet(pictures[:SHEET]).save(options.sheet, optimize=True)
    print(json.dumps(summary(records), indent=1))


def summary(records: list[dict]) -> dict[str, object]:
    def share(of: list[dict], test: Callable[[dict], bool]) -> float:
        return round(sum(map(test, of)) / len(of), 4) if of else 0.0

    return {
        "prompts": len(records),
        "background": share(records, lambda r: r["background"]),
        "every_thing": share(records, lambda r: all(r["items"])),
        "right": share(records, lambda r: r["background"] and all(r["items"])),
        "every_thing_by_layout": {name: share([r for r in records if r["layout"] == name], lambda r: all(r["items"])) for name in LAYOUTS},
        "true_scenes_judged_wrong": round(1 - share(records, lambda r: r["true_scene_right"]), 4),
        "tokens_per_pass": round(sum(r["tokens"] for r in records) / sum(r["forward_passes"] for r in records), 3),
    }


if __name__ == "__main__":
    main()
