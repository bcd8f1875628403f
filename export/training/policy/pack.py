"""Writes the policy as an OpenVLA checkpoint under the official names, and exports it.

    cd export
    python3 -m training.policy.pack --out ../onnx-models/reach
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from sjdexport.safetensors import write_safetensors

from .. import checkpoints
from ..packing import EXPORT
from . import distill, imitate, tokens
from .model import TIMM_IDS, PolicyConfig

DATASET = "reach"
NOTICE = "Trained by the SjdOnnx authors on pictures and actions that export/training/policy makes."
STAGES = {"imitation": imitate.CHECKPOINT, "distilled": distill.CHECKPOINT}


def write_checkpoint(weights: dict[str, np.ndarray], out: Path) -> None:
    """Writes model.safetensors, config.json, tokenizer.json and generation.json."""
    out.mkdir(parents=True, exist_ok=True)
    policy = PolicyConfig()
    language = dataclasses.asdict(policy.language)
    config = {
        "model_type": "openvla", "text_config": {"model_type": "llama", **language, "bos_token_id": tokens.BOS, "eos_token_id": tokens.EOS},
        "use_fused_vision_backbone": True, "timm_model_ids": list(TIMM_IDS), "image_sizes": [policy.side, policy.side],
        "n_action_bins": tokens.BINS, "pad_to_multiple_of": tokens.PADDING, "pad_token_id": tokens.PAD,
        "norm_stats": {DATASET: {"action": {"q01": list(tokens.LOW), "q99": list(tokens.HIGH), "mask": list(tokens.MASK)}}},
        "sjdonnx": {
            "chunk": tokens.CHUNK, "gripper": "libero", "vision_heads": [policy.vision_heads, policy.vision_heads], "world": "reach"},
    }
    generation = {"name": "reach", "license": {"id": "MIT", "commercial": True, "notice": NOTICE}}
    write_safetensors(out / "model.safetensors", weights)
    for name, document in (("config.json", config), ("generation.json", generation)):
        (out / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    tokens.save(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, default="distilled", help="whose weights are taken (default: %(default)s)")
    parser.add_argument("--trained", type=Path, help="the training's checkpoint (default: where the stage writes it)")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    parser.add_argument("--checkpoint", type=Path, help="also keep the OpenVLA checkpoint in this folder")
    parser.add_argument("--precision", default="fp32", help="as export.py takes it (default: %(default)s)")
    options = parser.parse_args()
    path = options.trained or STAGES[options.stage]
    if (trained := checkpoints.load(path)) is None:
        sys.exit(f"pack: there is no {path}; train the stage {options.stage} first")
    weights = {name: value.numpy() for name, value in trained["model"].items()}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.checkpoint or Path(temporary)
        write_checkpoint(weights, folder)
        command = [
            sys.executable, EXPORT, "--checkpoint", folder, "--out", options.out, "--precision", options.precision, "--name", "reach"]
        sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
