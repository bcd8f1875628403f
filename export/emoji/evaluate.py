"""Asks the engine for held-out scenes and says how many it draws as asked.

    dotnet build -c Release src/SjdOnnx.Cli
    python3 export/emoji/evaluate.py --prompts 200 --out evaluation --sheet docs/images/contact-sheet.png

Everything after `--` goes to `sjd generate`, for example `-- --method ar --top-k 50`; without it the model's own defaults
are judged. A picture is right when its background is, and every glyph in its place, by template match over the
whole alphabet (judge.py).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from judge import judge
from scenes import Scene, random_scene
from sheet import contact_sheet

ROOT = Path(__file__).parent.parent.parent
ENGINES = ROOT / "src" / "SjdOnnx.Cli" / "bin" / "Release" / "net10.0"  # one for each platform it was built for
MODEL = ROOT / "onnx-models" / "emoji"  # not the copy beside the engine, which is as old as its last build
SEED = 2026


def held_out_scenes(count: int, seed: int) -> list[Scene]:
    """Scenes whose captions training never saw, no caption twice."""
    random = np.random.default_rng(seed)
    scenes: dict[str, Scene] = {}
    while len(scenes) < count:
        scene = random_scene(random, held_out=True)
        scenes.setdefault(scene.caption, scene)
    return list(scenes.values())


def generate(caption: str, seed: int, file: Path, arguments: list[str]) -> dict[str, object]:
    """Runs the engine; what its --json says of the picture."""
    model = [] if "--model" in arguments else ["--model", MODEL]
    command = ["dotnet", next(ENGINES.glob("*/sjd.dll")), "generate", caption, "--seed", str(seed), "--output", file, "--json", *model, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"sjd generate ended with {ran.returncode}: {ran.stderr.strip()}")
    return json.loads(ran.stdout)["images"][0]


def main() -> None:
    own, engine = sys.argv[1:], []
    if "--" in own:
        own, engine = own[: own.index("--")], own[own.index("--") + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED, help="of the choice of scenes; scene i is drawn with seed i")
    parser.add_argument("--out", type=Path, default=Path("evaluation"), help="folder for the pictures and result.json")
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet of the first 32 pictures")
    options = parser.parse_args(own)

    options.out.mkdir(parents=True, exist_ok=True)
    scenes = held_out_scenes(options.prompts, options.seed)
    pictures, records = [], []
    for i, scene in enumerate(scenes):
        file = options.out / f"{i:04}.png"
        drawn = generate(scene.caption, i, file, engine)
        picture = np.asarray(Image.open(file).convert("RGB"))
        judgement = judge(picture, scene)
        pictures.append((picture, scene.caption, judgement.right))
        records.append({"caption": scene.caption, "layout": scene.layout, "background": judgement.background,
                        "glyphs": judgement.glyphs, "error": [round(seen.error, 3) for seen in judgement.seen],
                        "tokens": drawn["tokens"], "forward_passes": drawn["forward_passes"]})
        if (i + 1) % 20 == 0 or i + 1 == len(scenes):
            print(summary(records), file=sys.stderr, flush=True)

    (options.out / "result.json").write_text(json.dumps({"summary": summary(records), "pictures": records}, indent=1) + "\n")
    if options.sheet:
        options.sheet.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(pictures[:32]).save(options.sheet, optimize=True)
    print(json.dumps(summary(records), indent=1))


def summary(records: list[dict]) -> dict[str, object]:
    def share(of: list[dict], test) -> float:
        return round(sum(map(test, of)) / len(of), 4) if of else 0.0

    return {
        "prompts": len(records),
        "background": share(records, lambda r: r["background"]),
        "every_glyph": share(records, lambda r: all(r["glyphs"])),
        "right": share(records, lambda r: r["background"] and all(r["glyphs"])),
        "every_glyph_by_layout": {name: share([r for r in records if r["layout"] == name], lambda r: all(r["glyphs"]))
                                  for name in ("one", "side", "stack", "four")},
        "tokens_per_pass": round(sum(r["tokens"] for r in records) / sum(r["forward_passes"] for r in records), 3),
    }


if __name__ == "__main__":
    main()
