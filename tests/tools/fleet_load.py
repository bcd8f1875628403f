#!/usr/bin/env python3
"""Measures what a fleet's queue costs: messages through the broker and one worker, without drawing.

    dotnet build -c Release src/SjdOnnx.Cli
    python3 tests/tools/fleet_load.py --images 20000 --folder /tmp/load

The job's files are there before its worker starts, so the worker only reads each message, sees the file, reports the image as finished
and acknowledges. Of what a drawn image costs the broker, one report is missing: that the image was begun.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

from broker import Broker

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--program", type=pathlib.Path, help="sjd.dll (default: the Release build of this repository)")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="an empty or missing folder")
    arguments = parser.parse_args()

    folder = arguments.folder
    program = arguments.program or next((ROOT / "src/SjdOnnx.Cli/bin/Release").rglob("sjd.dll"))
    job = folder / "jobs/load"
    job.mkdir(parents=True, exist_ok=True)
    (folder / "prompts.txt").write_text("a fox above a rocket on a blue background\n" * arguments.images)
    for index in range(arguments.images):
        (job / f"{index:05}.png").write_bytes(b"an image")

    broker = Broker(folder / "broker")
    environment = dict(os.environ, SJD_QUEUE=f"amqp://127.0.0.1:{broker.port}")

    def measure(name, *words):
        before, start = broker.processor_seconds(), time.monotonic()
        output = subprocess.run(["dotnet", str(program), *words], env=environment, check=True, capture_output=True, text=True).stdout
        seconds, processor = time.monotonic() - start, broker.processor_seconds() - before
        print(f"{name}: {seconds:.1f} s, {arguments.images / seconds:.0f} images per second; broker {processor:.1f} s of processor "
              f"time, {1000 * processor / arguments.images:.2f} ms an image; {broker.bytes_stored() / arguments.images:.0f} bytes an "
              "image stored", flush=True)
        return output

    # Without metadata a file says nothing about itself, so any file will do.
    measure("submit", "submit", str(folder / "prompts.txt"), "--job", "load", "--no-metadata")
    measure("worker", "worker", "-o", str(folder / "jobs"), "--drain")
    status = json.loads(measure("status", "status", "--job", "load", "--json"))
    broker.end()
    print(f"status says {status['done']} of {status['images']} done")
    return 0 if status["done"] == arguments.images else 1


if __name__ == "__main__":
    sys.exit(main())
