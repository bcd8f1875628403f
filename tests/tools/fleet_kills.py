#!/usr/bin/env python3
"""Draws a job with a fleet whose workers and broker are killed, and compares it with what sjd batch draws alone.

    dotnet build -c Release src/SjdOnnx.Cli
    python3 tests/tools/fleet_kills.py --images 500 --workers 4 --kills 20 --broker-kills 1 --folder /tmp/fleet

Starts RabbitMQ (Debian's rabbitmq-server) as a node of its own on a free port of this machine. Prints what it found, and ends with 1
if an image is missing or differs.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
import time

from broker import Broker

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROMPTS = ROOT / "tests/SjdOnnx.Runtime.Tests/held-out-prompts.txt"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--broker-kills", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1, help="of the random moments")
    parser.add_argument("--program", type=pathlib.Path, help="sjd.dll (default: the Release build of this repository)")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="an empty or missing folder")
    arguments = parser.parse_args()

    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    program = arguments.program or next((ROOT / "src/SjdOnnx.Cli/bin/Release").rglob("sjd.dll"))
    prompts = PROMPTS.read_text().split("\n")
    prompts = [prompts[i % len(prompts)] or "a fox" for i in range(arguments.images)]
    (folder / "prompts.txt").write_text("\n".join(prompts) + "\n")

    broker = Broker(folder / "broker")
    environment = dict(os.environ, SJD_QUEUE=f"amqp://127.0.0.1:{broker.port}")
    queue_log, names_log = open(folder / "workers.log", "a"), open(folder / "names.log", "a")

    def sjd(*words):
        return subprocess.run(["dotnet", str(program), *words], env=environment, check=True, capture_output=True, text=True).stdout

    def start_worker():
        return subprocess.Popen(["dotnet", str(program), "worker", "-o", str(folder / "jobs"), "--threads", "1"], env=environment,
                                stdout=names_log, stderr=queue_log)

    def stored():
        return len(list((folder / "jobs/night").glob("*.png")))

    start = time.monotonic()
    sjd("submit", str(folder / "prompts.txt"), "--job", "night")
    print(f"{arguments.images} images submitted in {time.monotonic() - start:.1f} s", flush=True)

    # The kills are spread over the job: one whenever so many more images are stored, at a random moment after that.
    random.seed(arguments.seed)
    events = ["worker"] * arguments.kills + ["broker"] * arguments.broker_kills
    random.shuffle(events)
    marks = sorted(random.sample(range(1, arguments.images), len(events)))
    start = time.monotonic()
    workers = [start_worker() for _ in range(arguments.workers)]
    killed = {"worker": 0, "broker": 0}
    while True:
        time.sleep(0.2)
        if events and stored() >= marks[0]:
            marks.pop(0)
            time.sleep(random.uniform(0, 1))
            event = events.pop()
            if event == "worker":
                victim = random.randrange(len(workers))
                workers[victim].kill()
                workers[victim].wait()
                workers[victim] = start_worker()
            else:
                broker.kill()
                time.sleep(random.uniform(0, 5))
                broker.start()
            killed[event] += 1
        ended = [worker.pid for worker in workers if worker.poll() is not None]
        if ended:
            sys.exit(f"The workers {ended} ended by themselves; see {folder}/workers.log.")
        if stored() >= arguments.images:
            break

    status = {}
    for _ in range(60):
        status = json.loads(sjd("status", "--job", "night", "--json"))
        if status["done"] + len(status["failed"]) >= arguments.images:
            break
        time.sleep(1)
    seconds = time.monotonic() - start
    for worker in workers:
        worker.terminate()
        worker.wait()
    print(f"{arguments.workers} workers, {killed['worker']} killed, broker killed {killed['broker']} times: {seconds:.0f} s; "
          f"status says {status['done']} done, {len(status['failed'])} failed, {status['waiting']} waiting", flush=True)
    print(f"broker: {broker.processor_seconds():.1f} s of processor time, its starts included, "
          f"{broker.bytes_stored() / 1e6:.1f} MB on disk", flush=True)
    broker.end()

    alone = folder / "alone"
    start = time.monotonic()
    sjd("batch", str(folder / "prompts.txt"), "-o", str(alone))
    print(f"sjd batch alone: {time.monotonic() - start:.0f} s", flush=True)
    sjd("batch", str(folder / "prompts.txt"), "-o", str(folder / "jobs/night"))  # draws nothing, and puts the results together
    expected = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in alone.glob("*.png")}
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (folder / "jobs/night").glob("*.png")}
    others = [file.name for file in (folder / "jobs/night").iterdir() if file.name not in expected and file.suffix != ".jsonl"]
    same_results = (alone / "results.jsonl").read_bytes() == (folder / "jobs/night/results.jsonl").read_bytes()
    lost = [name for name in expected if name not in found]
    differing = [name for name in expected if found.get(name, expected[name]) != expected[name]]
    names = (folder / "names.log").read_text().split()
    size = sum(file.stat().st_size for file in alone.glob("*.png"))
    print(f"{len(found)} of {len(expected)} images ({size / 1e6:.1f} MB), {len(lost)} lost, {len(differing)} differ, {len(others)} other "
          f"files, {len(names) - len(set(names))} drawn twice, results.jsonl {'equal' if same_results else 'differs'}")
    whole = killed == {"worker": arguments.kills, "broker": arguments.broker_kills} and status["done"] == arguments.images
    return 0 if found == expected and not others and same_results and whole else 1


if __name__ == "__main__":
    sys.exit(main())
