"""Has the engine draw held-out scenes, and counts how many show what the caption says.

    dotnet build -c Release src/SjdOnnx.Cli
    cd export
    python3 -m training.emoji.evaluate --sprites /tmp/training/sprites.npz --out /tmp/evaluation --sheet /tmp/sheet.png

Arguments after `--` go to `sjd generate`, for example `-- --method ar --top-k 50`; without them the model's defaults are judged. A picture
is right if its background is right and every thing is in its place, by template match over all things (judge.py). The judge's own errors
are measured on true drawings of the same scenes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from .. import evaluation
from .captions import plain_caption
from .judge import Judge
from .scenes import Scene, draw, random_scene
from .sprites import Sprites

TILE, TILES = 192, 48  # of the contact sheet: pixels, pictures


def held_out_scenes(count: int, seed: int) -> list[tuple[Scene, str]]:
    """Scenes with a combination that training never drew, and captions that name everything that is judged."""
    random = np.random.default_rng(seed)
    scenes: dict[str, Scene] = {}
    while len(scenes) < count:
        scene = random_scene(random, held_out=True)
        scenes.setdefault(plain_caption(scene, random), scene)
    return [(scene, caption) for caption, scene in scenes.items()]


def main() -> None:
    own, engine = evaluation.split_arguments(sys.argv[1:])
    parser = evaluation.parser(__doc__, 300, TILES)
    parser.add_argument("--sprites", type=Path, required=True, help="the things' pictures, which train.py downloads")
    options = parser.parse_args(own)
    sprites = Sprites(options.sprites)
    scenes = held_out_scenes(options.prompts, options.seed)
    evaluation.run(scenes, Judge(sprites).judge, options, engine, TILE, TILES, draw=lambda scene: draw(scene, sprites))


if __name__ == "__main__":
    main()
