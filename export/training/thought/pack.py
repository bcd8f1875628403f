"""Writes a trained variant as a checkpoint under the names of PCCoT's published ones, which export.py turns into a model folder.

    cd export
    python3 -m training.thought.pack --variant 3 --seed 2 --out training/checkpoints/sums
    python3 export.py --checkpoint training/checkpoints/sums --out ../onnx-models/sums
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from sjdexport.errors import ExportError, exit_status
from sjdexport.safetensors import write_safetensors

from .. import checkpoints
from .model import Config, Gpt2
from .recipe import LATENTS
from .sums import MODULUS
from .tokens import ANSWER_PROMPT, Tokenizer
from .train import saved

LICENSE = {
    "id": "MIT", "commercial": True,
    "notice": f"Trained by the SjdOnnx authors on sums modulo {MODULUS} that the trainer makes up.",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="pack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", required=True, choices=[*map(str, range(LATENTS + 1))], help="the number of iterations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=checkpoints.CHECKPOINTS / "thought", metavar="DIR", help="folder of saves")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    options = parser.parse_args(arguments)
    return exit_status("pack", lambda: run(options), "run it again", options.out)


def run(options: argparse.Namespace) -> None:
    path = saved(options.folder, options.variant, options.seed)
    state = checkpoints.load(path)
    if state is None:
        raise ExportError(f"{path} does not exist: train the variant {options.variant} with the seed {options.seed} first.")
    write(state["model"], int(options.variant), options.out)


def write(weights: dict[str, torch.Tensor], iterations: int, out: Path) -> None:
    """Writes model.safetensors and the documents beside it."""
    tokenizer = Tokenizer()
    config = Config(len(tokenizer.ids))
    model = Gpt2(config)
    model.load_state_dict(weights)
    out.mkdir(parents=True, exist_ok=True)
    write_safetensors(out / "model.safetensors", {name: each.numpy() for name, each in model.state_dict().items()})
    documents: dict[str, dict[str, Any]] = {
        "config.json": {
            "model_type": "pccot-gpt2", "architectures": ["PCCoTGPT2LMHeadModel"], "vocab_size": config.vocab_size, "n_embd": config.n_embd,
            "n_layer": config.n_layer, "n_head": config.n_head, "n_positions": config.n_positions,
            "layer_norm_epsilon": config.layer_norm_epsilon, "activation_function": "gelu_new", "tie_word_embeddings": True,
            "bos_token_id": tokenizer.end, "eos_token_id": tokenizer.end, "loss_alpha": 1.0, "loss_beta": 1.0, "loss_gamma": 1.0,
            "use_layerwise_std": True, "use_projection": False, "num_iterations": iterations,
        },
        "pccot_args.json": {
            "bot_token_id": tokenizer.begin_thought, "eot_token_id": tokenizer.end_thought, "latent_token_id": tokenizer.latent,
            "answer_prompt": ANSWER_PROMPT, "num_latent_tokens": LATENTS, "use_peft": False,
        },
        "tokenizer.json": tokenizer.file(),
        "generation.json": {"license": LICENSE},
    }
    for name, content in documents.items():
        (out / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
