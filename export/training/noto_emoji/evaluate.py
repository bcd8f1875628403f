"""Has the engine draw held-out scenes, and counts how many show what the caption says.

    dotnet build -c Release src/SjdOnnx.Cli
    cd export
    python3 -m training.noto_emoji.evaluate --prompts 200 --out /tmp/evaluation --sheet ../docs/images/contact-sheet.png

Arguments after `--` go to `sjd generate`, for example `-- --method ar --top-k 50`; without them the model's defaults are judged. A picture
is right if its background is right and every glyph is in its place, by template match over all glyphs (judge.py).
"""

from __future__ import annotations

import sys

import numpy as np

from .. import evaluation
from .judge import judge
from .scenes import SIZE, Scene, random_scene

TILES = 32  # pictures on the contact sheet


def held_out_scenes(count: int, seed: int) -> list[tuple[Scene, str]]:
    """Scenes with captions that training never saw, all different."""
    random = np.random.default_rng(seed)
    scenes: dict[str, Scene] = {}
    while len(scenes) < count:
        scene = random_scene(random, held_out=True)
        scenes.setdefault(scene.caption, scene)
    return [(scene, caption) for caption, scene in scenes.items()]


def main() -> None:
    own, engine = evaluation.split_arguments(sys.argv[1:])
    options = evaluation.parser(__doc__, 200, TILES).parse_args(own)
    evaluation.run(held_out_scenes(options.prompts, options.seed), judge, options, engine, SIZE, TILES)


if __name__ == "__main__":
    main()
