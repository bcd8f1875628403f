"""Draws how a picture settled during decoding, from a trace of `sjd generate --trace`. Each column shows one pass.

    sjd generate "a fox above a rocket on a blue background" --model emoji-sjd2 --window 64 --denoising-steps 4 --trace trace.json
    cd export
    python3 -m training.sjd2.trajectory ../trace.json --out ../trajectory.png

The upper picture shows the codes after the pass, drafts included. The lower one has a square for each code: white if it is committed, blue
for a draft that the model reads as a code, orange for a draft that it reads as noise (darker with more noise), gray if the position is not
in the window yet.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from sjdexport.checkpoint import open_checkpoint

from ..noto_emoji.autoencoder import Autoencoder
from .finetune import BUILT_IN
from .sequences import image_tokenizer

PIXELS, GAP, LINE = 8, 8, 14
COMMITTED, CODE, CLOSED = (236, 236, 236), (70, 130, 200), (60, 60, 64)
NOISE = ((250, 200, 140), (225, 95, 20))  # for little noise, for only noise


def codes_of(trace: dict, step: dict) -> np.ndarray:
    """The codes [rows * columns] after a pass, -1 at positions that are not in the window yet."""
    codes = np.full(trace["rows"] * trace["columns"], -1)
    codes[: step["committed"]] = trace["codes"][: step["committed"]]
    codes[step["committed"] : step["committed"] + len(step["drafts"])] = step["drafts"]
    return codes


def picture(images: Autoencoder, trace: dict, codes: np.ndarray) -> Image.Image:
    grid = torch.from_numpy(np.where(codes < 0, 0, codes)).view(1, trace["rows"], trace["columns"])
    with torch.no_grad():
        pixels = ((images.decode(grid)[0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy().copy()
    closed = (codes < 0).reshape(trace["rows"], trace["columns"]).repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)
    pixels[closed] = CLOSED
    return Image.fromarray(pixels)


def states(trace: dict, step: dict) -> Image.Image:
    colors = np.full((trace["rows"] * trace["columns"], 3), CLOSED, np.uint8)
    colors[: step["committed"]] = COMMITTED
    for place, left in enumerate(step["steps_left"], start=step["committed"]):
        share = left / ((trace["method_options"] or {}).get("denoising_steps") or 1)
        colors[place] = CODE if left == 0 else [round(a + (b - a) * share) for a, b in zip(*NOISE)]
    squares = Image.fromarray(colors.reshape(trace["rows"], trace["columns"], 3)).resize(
        (trace["columns"] * PIXELS, trace["rows"] * PIXELS), Image.NEAREST)
    pen = ImageDraw.Draw(squares)
    for edge in range(0, squares.width, PIXELS):
        pen.line([(edge, 0), (edge, squares.height)], fill="white")
        pen.line([(0, edge), (squares.width, edge)], fill="white")
    return squares


def strip(images: Autoencoder, trace: dict, passes: list[int]) -> Image.Image:
    side = trace["columns"] * PIXELS
    sheet = Image.new("RGB", (len(passes) * (side + GAP) + GAP, LINE + 2 * side + 3 * GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for column, number in enumerate(passes):
        step, left = trace["passes"][number], GAP + column * (side + GAP)
        pen.text((left, GAP // 2), f"pass {number}: {step['committed']} committed", fill="black", font=font)
        sheet.paste(picture(images, trace, codes_of(trace, step)), (left, LINE + GAP))
        sheet.paste(states(trace, step), (left, LINE + side + 2 * GAP))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", type=Path, help="a trace of the built-in model or of emoji-sjd2")
    parser.add_argument("--out", type=Path, default=Path("trajectory.png"), help="picture to write (default: %(default)s)")
    parser.add_argument("--passes", help="passes to show, separated by commas; 0 is after the prefill (default: seven, evenly spaced)")
    options = parser.parse_args()
    trace = json.loads(options.trace.read_text(encoding="utf-8"))
    last = len(trace["passes"]) - 1
    passes = [int(part) for part in options.passes.split(",")] if options.passes else [round(i * last / 6) for i in range(7)]
    if any(not 0 <= number <= last for number in passes):
        parser.error(f"--passes is {options.passes}; this trace has the passes 0 to {last}")
    # Fine-tuning leaves the image decoder as it is, so the built-in model's decodes pictures of emoji-sjd2 too.
    strip(image_tokenizer(open_checkpoint(BUILT_IN)), trace, passes).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
