#!/usr/bin/env python3
"""Checks and measures SjdOnnx on a GPU, or everything but speed on the CPU.

One line is printed for each check: pass or FAIL with the figure and its bar, or info for a figure without a bar. The same goes into
results.json in the folder of results after each check, and what the programs print into programs.log. The exit status is 1 if a check
failed. A check that fails does not stop the others.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import glob
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SIZES = [*range(2, 21), 24, 28, 31, 32, 33, 34, 40, 48, 56, 63, 64, 65]  # windows whose logits are compared with those of single tokens
FEW_SIZES = [2, 9, 17, 33, 65]
TOKENS = [1, 2, 9, 17, 33, 65]
ROOMY = 48 << 30  # bytes that the models of 7B need
TIMEOUT = 240  # seconds of one program
NO_GRAPHS = ["--provider-option", "enable_cuda_graph=0"]
FUSED, UNFUSED = (["--provider-option", f"ep.cuda.fpa_intb_gemm={on}"] for on in (1, 0))

# The bars are those for an H100 with the 7B shape at fp16 and guidance.
MAX_PASS = {1: 6.8, 17: 7.5, 33: 8.2}  # milliseconds by tokens of a lane
MAX_NOT_RUN = 0.08
MAX_LOAD_SECONDS = 15
MAX_LOAD_BYTES = 2 << 30
MAX_LOGITS_RMS = 5e-3  # of fp16 on the provider against fp32 on the CPU; fp16 has a rounding error of 5e-4
MAX_WINDOW_RMS = 5e-3  # of windows against single tokens, both on the provider
MAX_QUANTIZED_RMS = 0.05  # of quantized weights on the provider against the CPU, which also rounds activations to 8 bits
MAX_PASSES_APART = 0.2  # of a method on the provider against the CPU
KEPT_DEVICE_BYTES = 64 << 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="check.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, metavar="FOLDER_OF_RESULTS", help="folder for results.json and programs.log")
    parser.add_argument("--provider", default="cuda", choices=["cuda", "cpu"], help="default: %(default)s")
    parser.add_argument("--engine", type=Path, default=ROOT / "engine", metavar="FOLDER",
                        help="folder with the published programs sjd and SjdOnnx.Gpu (default: engine beside tests)")
    parser.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="checkpoint of the small model (default: the built-in model's)")
    parser.add_argument("--images", type=int, help="images of exact and ar (default: 200, or 8 on the CPU)")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="folder for exported models (default: /dev/shm if it has 48 GiB)")
    parser.add_argument("--more", action="store_true", help="also measure PyTorch and, with ncu, times of kernels; takes minutes more")
    args = parser.parse_args()
    args.results.mkdir(parents=True, exist_ok=True)
    with workplace(args.work) as work:
        run = Run(args, work)
        run.all()
    return run.report.finish()


@contextlib.contextmanager
def workplace(given: Path | None) -> Iterator[Path]:
    shared = Path("/dev/shm")
    roomy = given is None and shared.is_dir() and shutil.disk_usage(shared).free > ROOMY
    with tempfile.TemporaryDirectory(prefix="sjdonnx-", dir=given or (shared if roomy else None)) as folder:
        yield Path(folder)


@dataclasses.dataclass
class Line:
    name: str
    status: str  # pass, FAIL or info
    figure: str
    bar: str
    values: object  # the figures as the programs wrote them


class Report:
    """The lines so far. Checks may run side by side."""

    def __init__(self, folder: Path, provider: str) -> None:
        self._file, self._provider, self._started = folder / "results.json", provider, time.monotonic()
        self._lines: list[Line] = []
        self._lock = threading.Lock()

    def add(self, name: str, passed: bool | None, figure: str, bar: str = "", values: object = None) -> None:
        status = "info" if passed is None else "pass" if passed else "FAIL"
        with self._lock:
            self._lines.append(Line(name, status, figure, bar, values))
            print(f"{status}  {name}: {figure}{f' (bar: {bar})' if bar else ''}", flush=True)
            self._write()

    def finish(self) -> int:
        failed = sum(line.status == "FAIL" for line in self._lines)
        passed = sum(line.status == "pass" for line in self._lines)
        print(f"{passed} passed, {failed} failed, {len(self._lines)} lines in {time.monotonic() - self._started:.0f} s")
        return int(failed > 0 or passed == 0)

    def _write(self) -> None:
        content = {
            "provider": self._provider, "machine": platform.processor() or platform.machine(), "processors": os.cpu_count(),
            "seconds": round(time.monotonic() - self._started, 1), "checks": [dataclasses.asdict(line) for line in self._lines]}
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, self._file)


class Programs:
    """Starts the engine's programs and the exporter, and writes what they print into a log."""

    def __init__(self, args: argparse.Namespace, work: Path) -> None:
        self._engine, self._log_file = args.engine, args.results / "programs.log"
        self._log_file.write_text("", encoding="utf-8")
        self._lock = threading.Lock()
        self._plain = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        libraries = [str(self._engine), *(folder for path in sys.path for folder in glob.glob(f"{path}/nvidia/*/lib"))]
        self._for_engine = {
            **os.environ, "SJDONNX_CACHE": "off", "HOME": str(work),
            "LD_LIBRARY_PATH": ":".join([*libraries, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]),
            **({} if glob.glob("/usr/lib/*/libicuuc.so*") else {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}),
        }

    def sjd(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self.run([self._program("sjd"), *arguments], environment=self._for_engine)

    def measure(self, *arguments: object) -> dict:
        """What a command of SjdOnnx.Gpu measured. Raises RuntimeError with its last words if it fails."""
        done = self.run([self._program("SjdOnnx.Gpu"), *arguments], environment=self._for_engine)
        if done.returncode != 0:
            raise RuntimeError(f"exit status {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    def python(self, *arguments: object, timeout: int = 400) -> None:
        done = self.run([sys.executable, *arguments], timeout)
        if done.returncode != 0:
            raise RuntimeError(f"exit status {done.returncode}: {done.stderr.strip()[-300:]}")

    def profile(self, profiler: Sequence[object], *arguments: object, timeout: int) -> subprocess.CompletedProcess[str]:
        """Runs a command of SjdOnnx.Gpu under a profiler."""
        return self.run([*profiler, self._program("SjdOnnx.Gpu"), *arguments], timeout, self._for_engine)

    def run(
        self, command: Sequence[object], timeout: int = TIMEOUT, environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program. One that does not end has the exit status 124."""
        words, start = [str(word) for word in command], time.monotonic()
        try:
            done = subprocess.run(
                words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout,
                env=environment or self._plain)
        except subprocess.TimeoutExpired:
            done = subprocess.CompletedProcess(words, 124, "", f"It did not end in {timeout} s.")
        except OSError as error:
            done = subprocess.CompletedProcess(words, 127, "", str(error))
        with self._lock, self._log_file.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(words)}\n{done.stdout[-20000:]}{done.stderr[-20000:]}")
            log.write(f"[{done.returncode} after {time.monotonic() - start:.1f} s]\n")
        return done

    def _program(self, name: str) -> Path:
        return self._engine / name


class Run:
    """The checks, in three parts: what must be right, side by side; then speed, alone; then what is optional."""

    def __init__(self, args: argparse.Namespace, work: Path) -> None:
        self._args, self._work, self._gpu = args, work, args.provider == "cuda"
        self.report = Report(args.results, args.provider)
        self._programs = Programs(args, work)
        self._provider = ["--provider", args.provider]
        self._checkpoint = args.checkpoint or args.engine / "onnx-models" / "emoji"  # the program's own copy
        self._exports = ThreadPoolExecutor(8)
        self._large = "7B shape" if self._gpu else "model with heads of 128"
        self._half = "fp16" if self._gpu else "fp32"  # the fastest precision without quantization

    def all(self) -> None:
        small = self._export("small", self._checkpoint, "fp32,fp16,bf16,int8", pictures="2,4,8")
        heads = {size: self._export_random(f"heads-{size}", "heads", size, "fp32,fp16,int4-fp16,int8-fp16") for size in (32, 128)}
        whole = self._export_random("whole", "large", 32, "fp16") if self._gpu else heads[128]
        part = self._export_random("part", "large", 8, "int4-fp16,int8-fp16" + ",fp16" * self._args.more) if self._gpu else None

        self._check("doctor", self._doctor)
        self._check("programs", self._draw_and_exit, small)
        right: list[tuple] = [("refusals", self._refusals, small)]
        for size, model in heads.items():
            for graphs in (True, False) if self._gpu else (True,):
                right.append((f"logits, heads of {size}{'' if graphs else ', no CUDA graphs'}", self._logits, model, graphs))
        right += [(f"logits, {precision}", self._quantized_logits, heads[128], precision) for precision in ("int4-fp16", "int8-fp16")]
        right.append(("methods", self._methods, small))
        right += [(f"exact at {precision}", self._exact, small, precision) for precision in (("fp16", "bf16") if self._gpu else ("fp16",))]
        with ThreadPoolExecutor(3 if self._gpu else 1) as pool:
            for check in right:
                pool.submit(self._check, *check)
        for export in filter(None, (whole, part)):
            self._check("export", export.result)  # no other work while memory and speed are measured

        if self._gpu:
            self._check("device memory", self._kept_memory, small)
        self._check(f"passes of the {self._large}", self._passes, whole)
        if self._gpu:
            self._check("logits of the 7B shape", self._large_logits, whole)
        self._check(f"an image of the {self._large}", self._image, whole)
        if part is not None:
            self._check("passes of 8 layers, quantized", self._quantized, part)
        if self._args.more:
            self._check("PyTorch", self._torch)
            self._check("times of kernels", self._kernels, part if part is not None else whole)

    def _check(self, name: str, check: Callable, *arguments: object) -> None:
        """Runs a check. What it raises is a failed line of its name."""
        try:
            check(*(argument.result() if hasattr(argument, "result") else argument for argument in arguments))
        except Exception as error:  # noqa: BLE001: the other checks go on
            self.report.add(name, False, f"{type(error).__name__}: {error}")

    # --- models ---------------------------------------------------------------------------------------------------------------

    def _export(self, name: str, checkpoint: Path, precisions: str, pictures: str = ""):
        return self._exports.submit(self._export_now, name, checkpoint, precisions, pictures)

    def _export_random(self, name: str, kind: str, number: int, precisions: str):
        def export() -> Path:
            checkpoint = self._work / f"{name}.checkpoint"
            self._programs.python(HERE / "checkpoints.py", kind, checkpoint, number)
            folder = self._export_now(name, checkpoint, precisions, "")
            shutil.rmtree(checkpoint)
            return folder

        return self._exports.submit(export)

    def _export_now(self, name: str, checkpoint: Path, precisions: str, pictures: str) -> Path:
        start = time.monotonic()
        folder = self._work / name
        self._programs.python(
            ROOT / "export" / "export.py", "--checkpoint", checkpoint, "--out", folder, "--precision", precisions, "--pictures", pictures)
        self.report.add(f"export {name} to {precisions}", None, f"{time.monotonic() - start:.0f} s")
        return folder

    # --- right ----------------------------------------------------------------------------------------------------------------

    def _doctor(self) -> None:
        done = self._programs.sjd("doctor", *self._provider)
        self.report.add("sjd doctor", done.returncode == 0, f"exit code {done.returncode}", "0", done.stdout)

    def _draw_and_exit(self, model: Path) -> None:
        for name, count, batch in (("one image", 1, 1), ("8 images in a pass", 8, 8)):
            out = self._work / f"drawn-{batch}"
            out.mkdir()
            done = self._programs.sjd(
                "generate", "a fox above a rocket", "--model", model, "--precision", "fp16", *self._provider,
                "--count", count, "--batch", batch, "--seed", 1, "-o", out / "image.png")
            whole = [file for file in out.glob("*.png") if is_whole_png(file.read_bytes())]
            self.report.add(
                f"sjd generate, {name}", done.returncode == 0 and len(whole) == count,
                f"exit code {done.returncode}, {len(whole)} images", f"0, {count}")

    def _kept_memory(self, model: Path) -> None:
        before = self._device_bytes()
        self._programs.sjd(
            "generate", "a fox", "--model", model, "--precision", "fp16", *self._provider, "--seed", 1, "-o", self._work / "kept.png")
        kept = self._device_bytes() - before
        self.report.add("device memory kept after exit", kept <= KEPT_DEVICE_BYTES, mib(kept), f"<= {mib(KEPT_DEVICE_BYTES)}")

    def _refusals(self, model: Path) -> None:
        """Each ends with an exit code of sjd and a sentence that names what is wrong."""
        cases = [
            ("an unknown option", "fp16", "no_such_option=1", [6], "no_such_option"),
            ("an option of another provider", "fp16", "trt_fp16_enable=1", [6], "trt_fp16_enable"),
        ]
        if self._gpu:
            cases += [
                ("fp32", "fp32", None, [6], "fp16"),
                ("int8", "int8", None, [6], "fp16"),
                ("a device id that is not there", "fp16", "device_id=99", [6], "device"),
                ("too little device memory", "fp16", "gpu_mem_limit=4194304", [1, 3, 6], "memory"),
            ]
        for name, precision, option, codes, word in cases:
            out = self._work / "refused.png"
            done = self._programs.sjd(
                "generate", "a fox", "--model", model, "--precision", precision, *self._provider,
                *(["--provider-option", option] if option else []), "-o", out)
            said = done.stderr.strip()
            named = word in said and said.startswith("sjd: ") and "Unexpected" not in said
            self.report.add(
                f"{name} is refused", done.returncode in codes and named and not out.exists(),
                f"exit code {done.returncode}: {said[:300]}", f"{' or '.join(map(str, codes))}, with '{word}'")

    def _logits(self, model: Path, graphs: bool) -> None:
        size = model.name.rpartition("-")[2]
        name = f"heads of {size}{'' if graphs else ', no CUDA graphs'}"
        sizes = SIZES if self._gpu and graphs else FEW_SIZES
        found = self._programs.measure(
            "logits", model, *self._provider, "--precision", "fp16", "--reference", "fp32", "--tokens", *sizes,
            *([] if graphs else NO_GRAPHS))
        self._against_cpu(name, found, MAX_LOGITS_RMS)
        self._windows(name, found)
        if self._gpu and graphs:
            self._captures(name, found)

    def _quantized_logits(self, model: Path, precision: str) -> None:
        for fused, option in ((True, FUSED), (False, UNFUSED)) if self._gpu else ((False, []),):
            found = self._programs.measure(
                "logits", model, *self._provider, "--precision", precision, "--reference", precision, "--tokens", *FEW_SIZES, *option)
            self._against_cpu(f"heads of 128, {precision}{', fused kernels' if fused else ''}", found, MAX_QUANTIZED_RMS)

    def _against_cpu(self, name: str, found: Mapping, bar: float) -> None:
        windows = {f"{size} tokens": apart for size, apart in found["windows"].items()}
        against_cpu = {"prefill": found["prefill"], "single tokens": found["singles"], **windows}
        worst = max(against_cpu, key=against_cpu.__getitem__)
        self.report.add(
            f"logits against the CPU, {name}", against_cpu[worst] <= bar, f"{against_cpu[worst]:.1e} ({worst})", f"<= {bar}", found)

    def _large_logits(self, model: Path) -> None:
        found = self._programs.measure("logits", model, *self._provider, "--precision", "fp16", "--tokens", *FEW_SIZES)
        self._windows("7B shape", found)

    def _captures(self, name: str, found: Mapping) -> None:
        """The engine compares captured passes with others and captures no more if they differ."""
        self.report.add(
            f"captured passes have the bits of others, {name}", found["captures"] > 0 and found["capturesAreRight"],
            f"{found['captures']} captures, {found['capturesAreRight']}", ">= 1, True")

    def _windows(self, name: str, found: Mapping) -> None:
        apart = found["windowsToSingles"]
        worst = max(apart, key=apart.__getitem__)
        self.report.add(
            f"windows against single tokens, {name}", apart[worst] <= MAX_WINDOW_RMS, f"{apart[worst]:.1e} ({worst} tokens)",
            f"<= {MAX_WINDOW_RMS}", found)
        self.report.add(
            f"logits after a rollback, {name}", found["rollback"] <= MAX_WINDOW_RMS, f"{found['rollback']:.1e}", f"<= {MAX_WINDOW_RMS}")
        self.report.add(
            f"later tokens and repetition change no bit, {name}", found["laterTokensChangeNothing"] and found["samePassTwice"],
            f"{found['laterTokensChangeNothing']}, {found['samePassTwice']}", "True, True")
        sizes = [int(size) for size in apart]
        padded = ", ".join(f"{size}: {equal_up_to(sizes, unequal, int(size))}" for size, unequal in found["unequalPadded"].items())
        self.report.add(
            f"windows with the bits of single tokens, {name}", None,
            f"{equal_up_to(sizes, found['unequal'])}; lone tokens in pairs: {equal_up_to(sizes, found['unequalInPairs'])}; "
            f"passes padded to {padded}", values={key: found[key] for key in ("unequal", "unequalInPairs", "unequalPadded")})

    def _methods(self, model: Path) -> None:
        # On the CPU, the same precision draws the same images. On a GPU, images part where a code is a close call; their passes stay alike.
        images, batches, reference = (4, [1, 2, 4, 8], "fp32") if self._gpu else (1, [1, 2], "fp16")
        bar = MAX_PASSES_APART if self._gpu else 0
        found = self._programs.measure(
            "methods", model, *self._provider, "--precision", "fp16", "--reference", reference, "--images", images,
            "--batches", *batches)["methods"]
        for each in found:
            apart = each["passes"] / each["passesOnCpu"] - 1
            likeness = "equal" if each["medianPsnr"] == "Infinity" else f"{each['medianPsnr']:.1f} dB"
            self.report.add(
                f"{each['method']}, {each['batch']} images in a pass", abs(apart) <= bar,
                f"{each['passes']} passes, {100 * apart:+.1f} % of the CPU's; {each['identical']} of {each['images']} images the same, "
                f"median {likeness}", f"within {100 * bar:.0f} %", each)
        methods = {each["method"] for each in found}
        self.report.add("methods that draw", len(methods) >= 9, f"{len(methods)}: {', '.join(sorted(methods))}", ">= 9")

    def _exact(self, model: Path, precision: str) -> None:
        images = self._args.images or (200 if self._gpu else 8)
        found = self._programs.measure(
            "exact", model, *self._provider, "--precision", precision, "--images", images, "--batches", 8)
        self.report.add(
            f"images of exact that are not ar's, {precision}", None if self._gpu or precision != "fp32" else found["different"] == 0,
            f"{found['different']} of {found['images']}", "" if self._gpu or precision != "fp32" else "0", found)

    # --- fast -----------------------------------------------------------------------------------------------------------------

    def _passes(self, model: Path) -> None:
        for graphs in (True, False) if self._gpu else (True,):
            found = self._programs.measure(
                "passes", model, *self._provider, "--precision", self._half, "--tokens", *TOKENS, *([] if graphs else NO_GRAPHS))
            if self._gpu and graphs:
                self._captures(self._large, found)
            for tokens, times in found["passes"].items():
                bar = MAX_PASS.get(int(tokens)) if self._gpu and graphs else None
                self.report.add(
                    f"pass of {tokens} tokens a lane, {self._large}{'' if graphs else ', no CUDA graphs'}",
                    None if bar is None else times["run"] <= bar,
                    f"{times['run']:.2f} ms in ONNX Runtime, {times['transfers']:.2f} in copies, {times['whole']:.2f} in all",
                    "" if bar is None else f"<= {bar} ms in ONNX Runtime", times)

    def _image(self, model: Path) -> None:
        before = self._device_bytes() if self._gpu else 0
        found = self._programs.measure("image", model, *self._provider, "--precision", self._half, "--method", "exact", "--window", 32)
        gpu = self._gpu
        self.report.add(
            f"loading the {self._large}", found["loadSeconds"] <= MAX_LOAD_SECONDS if gpu else None, f"{found['loadSeconds']:.1f} s",
            f"<= {MAX_LOAD_SECONDS} s" if gpu else "")
        self.report.add(
            "host memory for loading, page cache not counted", found["loadBytes"] <= MAX_LOAD_BYTES if gpu else None,
            mib(found["loadBytes"]), f"<= {mib(MAX_LOAD_BYTES)}" if gpu else "")
        if gpu:
            self.report.add("device memory of the model and one image", None, mib(found["deviceBytes"]))
        self.report.add(
            "part of decoding outside ONNX Runtime, window 32", found["notRun"] <= MAX_NOT_RUN if gpu else None,
            f"{100 * found['notRun']:.1f} %", f"<= {100 * MAX_NOT_RUN:.0f} %" if gpu else "", found)
        split = found["split"]
        parts = ", ".join(f"{1000 * split[part] / split['passes']:.2f} {part}" for part in ("run", "copies", "sampling", "other"))
        self.report.add(
            f"an image of the {self._large}", None,
            f"{found['imageTokens']} codes in {found['forwardPasses']} passes and {found['decodeSeconds']:.2f} s; ms a pass: {parts}",
            values=split)
        if gpu:
            kept = self._device_bytes() - before
            self.report.add(
                f"device memory kept after the {self._large}", kept <= KEPT_DEVICE_BYTES, mib(kept), f"<= {mib(KEPT_DEVICE_BYTES)}")

    def _quantized(self, model: Path) -> None:
        for precision in ("int4-fp16", "int8-fp16"):
            run = {}
            for fused, option in ((True, FUSED), (False, UNFUSED)):
                found = self._programs.measure("passes", model, *self._provider, "--precision", precision, "--tokens", *TOKENS, *option)
                self._captures(f"8 layers, {precision}{', fused kernels' if fused else ''}", found)
                run[fused] = {int(tokens): times["run"] for tokens, times in found["passes"].items()}
                name = f"8 layers at {precision}, {'with' if fused else 'without'} fused kernels"
                listed = ", ".join(f"{tokens} tokens {ms:.2f}" for tokens, ms in run[fused].items())
                self.report.add(name, None, f"ms a pass: {listed}", values=found)
            self.report.add(
                f"fused kernels help at 17 tokens, {precision}", run[True][17] <= run[False][17],
                f"{run[True][17]:.2f} ms, without them {run[False][17]:.2f}", "not slower")

    # --- optional -------------------------------------------------------------------------------------------------------------

    def _torch(self) -> None:
        done = self._programs.run([sys.executable, HERE / "torch_baseline.py"], timeout=300)
        for line in done.stdout.splitlines():
            name, _, figure = line.partition(": ")
            self.report.add(f"PyTorch, {name}", None, figure)
        if done.returncode != 0:
            raise RuntimeError(f"exit status {done.returncode}: {done.stderr.strip()[-300:]}")

    def _kernels(self, model: Path) -> None:
        if shutil.which("ncu") is None:
            self.report.add("times of kernels", None, "there is no ncu")
            return
        # Every pass is profiled: 5 to warm up and one more.
        done = self._programs.profile(
            ["ncu", "--clock-control", "none", "--metrics", "gpu__time_duration.sum", "--csv"],
            "passes", model, *self._provider, "--precision", "fp16", "--tokens", 17, "--past", 0, "--repetitions", 1, *NO_GRAPHS,
            timeout=300)
        for name, microseconds, count in kernel_times(done.stdout)[:20]:
            self.report.add(f"kernel {name}", None, f"{microseconds:.0f} us in {count} launches")
        if done.returncode != 0:
            raise RuntimeError(f"exit status {done.returncode}: {done.stderr.strip()[-300:]}")

    def _device_bytes(self) -> int:
        """Used memory of all GPUs."""
        done = self._programs.run(["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"])
        if done.returncode != 0:
            raise RuntimeError(f"nvidia-smi has the exit status {done.returncode}: {done.stderr.strip()[-300:]}")
        return sum(int(line) << 20 for line in done.stdout.split())


def equal_up_to(sizes: Sequence[int], unequal: Sequence[int], largest: int | None = None) -> str:
    """The largest of the sizes up to which none is unequal, and the others."""
    fitting = [size for size in sizes if largest is None or size <= largest]
    if not unequal:
        return f"all to {fitting[-1]}"
    first = min(unequal)
    return f"to {max([size for size in fitting if size < first], default=1)}, not {', '.join(map(str, unequal))}"


def kernel_times(output: str) -> list[tuple[str, float, int]]:
    """Names, microseconds and launches of the kernels in ncu's CSV, the most expensive ones first."""
    totals: dict[str, tuple[float, int]] = {}
    scale = {"ns": 1e-3, "nsecond": 1e-3, "us": 1, "usecond": 1, "ms": 1e3, "msecond": 1e3}
    for row in csv.DictReader(line for line in output.splitlines() if line.startswith('"')):
        with contextlib.suppress(KeyError, ValueError, TypeError):
            name = re.sub(r"^void ", "", row["Kernel Name"])[:74]
            microseconds, count = totals.get(name, (0.0, 0))
            totals[name] = (microseconds + float(row["Metric Value"].replace(",", "")) * scale[row["Metric Unit"]], count + 1)
    return sorted(((name, *each) for name, each in totals.items()), key=lambda each: -each[1])


def is_whole_png(content: bytes) -> bool:
    return content.startswith(b"\x89PNG\r\n\x1a\n") and b"IEND" in content[-12:]


def mib(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"


if __name__ == "__main__":
    sys.exit(main())
