"""PCCoT (arXiv 2506.18582): GPT-2 or Llama with latent thought tokens, as a checkpoint or as a base model with an adapter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import contract
from ..adapters import CONFIG, PREFIX, Merged
from ..checkpoint import Checkpoint, open_checkpoint
from ..errors import ExportError
from ..families.fields import flag, whole
from ..families.given import Given, read_json
from ..graph import FLOAT, Graph
from ..precision import Float
from ..progress import Progress
from ..weights import Weights
from .thinking import Gpt2Source, LlamaSource, Projection, Thinking

ARGUMENTS = "pccot_args.json"
ITERATIONS, LATENTS, ANSWER_PROMPT = 6, 6, "The answer is:"  # the defaults of PCCoT's code
MAX_ANSWER = 10  # tokens, as in PCCoT's scripts
SPECIALS = {"bot_token_id": "<pcot.bot>", "eot_token_id": "<pcot.eot>", "latent_token_id": "<pcot.latent>"}
LICENSE = {
    "id": "unknown", "commercial": False,
    "notice": "For the license of the weights, see the page they were downloaded from.",
}


class Pccot:
    name = "pccot"
    precisions = ("fp32",)

    def __init__(self, given: Given) -> None:
        self._given = given
        folder = given.folder
        self._arguments = read_json(folder / ARGUMENTS) if (folder / ARGUMENTS).exists() else {}
        config, where = given.config, folder / "config.json"
        merged = _merge(given)
        kind = str(config.get("model_type"))
        if "gpt2" in kind:
            self.source = Gpt2Source(merged, config, where)
        elif "llama" in kind:
            self.source = LlamaSource(merged, config, where)
        else:
            raise ExportError(f"{where} has the model_type {kind!r}; expected pccot-gpt2 or pccot-llama.")
        self._projection = Projection(merged, self.source.hidden) if flag(where, "use_projection", config.get("use_projection")) else None
        self.iterations = _count(where, "num_iterations", config.get("num_iterations", ITERATIONS))
        self.latents = whole(folder / ARGUMENTS, "num_latent_tokens", self._arguments.get("num_latent_tokens", LATENTS))

    @staticmethod
    def recognizes(checkpoint: Checkpoint, config: Mapping[str, Any]) -> bool:
        return str(config.get("model_type")).startswith("pccot") or (checkpoint.folder / ARGUMENTS).exists()

    def parts(self, precisions: tuple[str, ...]) -> int:
        return self.source.layers + 1

    def write(self, folder: Path, precisions: tuple[str, ...], progress: Progress) -> dict[str, Any]:
        file = contract.thought_graph("fp32")
        graph = Graph("thought")
        weights = Weights(graph, folder / file.replace(".onnx", ".data"))
        Thinking(graph, weights, Float(graph, weights, FLOAT), self.source, self._projection).build(lambda: progress.advance(file))
        graph.save(folder / file)
        progress.done(f"{file}: {self.source.layers} layers")
        tokens = self._tokens(folder)
        progress.advance("tokenizer")
        source = self.source
        return {
            "kind": "thought",
            "license": self._given.sections.get("license", LICENSE),
            "tokenizer": tokens.pop("tokenizer"),
            "thought": {
                "graph": file, "layers": source.layers, "kvHeads": source.kv_heads, "headDim": source.head_dim, "hidden": source.hidden,
                "vocabulary": source.vocabulary, "maxPositions": source.max_positions, "iterations": self.iterations,
                "latents": self.latents, **tokens, "maxAnswer": MAX_ANSWER,
            },
        }

    def _tokens(self, folder: Path) -> dict[str, Any]:
        """Writes the tokenizer; returns its section and the ids around question, thought and answer."""
        given, arguments = self._given, self._given.folder / ARGUMENTS
        tokenizer = given.read_tokenizer("tokenizer.json")
        ids = {}
        for field, token in SPECIALS.items():
            id = self._arguments.get(field)
            id = tokenizer.id(token) if id is None else id
            if type(id) is not int or not 0 <= id < self.source.vocabulary:
                raise ExportError(
                    f"{arguments}: {field} is {id!r}; expected an id below {self.source.vocabulary}, or the token {token} in "
                    "tokenizer.json.")
            ids[field] = id
        prompt = self._arguments.get("answer_prompt", ANSWER_PROMPT)
        if not isinstance(prompt, str) or not prompt:
            raise ExportError(f"{arguments}: answer_prompt is {prompt!r}; expected text.")
        return {
            "tokenizer": tokenizer.write(folder),
            "prefix": leading_ids(given.folder / "tokenizer.json"),
            "begin": ids["bot_token_id"], "latent": ids["latent_token_id"], "end": ids["eot_token_id"],
            "answerPrompt": prompt, "stop": _stops(given.folder / "config.json", given.config, self.source.vocabulary),
        }


def _merge(given: Given) -> Merged:
    """The weights of the checkpoint, with its adapter merged if it is one."""
    folder, checkpoint = given.folder, given.checkpoint
    if not (folder / CONFIG).exists():
        if given.base is not None:
            raise ExportError(f"{folder} has no {CONFIG}, so it is not an adapter: remove --base.")
        return Merged(checkpoint)
    config = read_json(folder / CONFIG)
    if given.base is not None:
        return Merged(open_checkpoint(given.base), checkpoint, config)
    if any(not name.startswith(PREFIX) for name in checkpoint.names()):
        return Merged(checkpoint, checkpoint, config)
    raise ExportError(
        f"{folder} has an adapter of {config.get('base_model_name_or_path')!r} alone: download that model, and give its folder with "
        "--base.")


def _count(where: Path, field: str, value: object) -> int:
    """The value, an integer from 0 on. Raises ExportError if it is something else."""
    if type(value) is not int or value < 0:
        raise ExportError(f"{where}: {field} is {value!r}; expected an integer, 0 or more.")
    return value


def _stops(where: Path, config: Mapping[str, Any], vocabulary: int) -> list[int]:
    """The ids that end an answer."""
    value = config.get("eos_token_id")
    ids = value if isinstance(value, list) else [value]
    if not ids or not all(type(id) is int and 0 <= id < vocabulary for id in ids):
        raise ExportError(f"{where}: eos_token_id is {value!r}; expected an id below {vocabulary}.")
    return ids


def leading_ids(path: Path) -> list[int]:
    """The special tokens that tokenizer.json puts before a text, such as Llama's <|begin_of_text|>.

    Raises ExportError if it puts some after a text.
    """
    processors = _flat(read_json(path).get("post_processor"))
    ids: list[int] = []
    for processor in processors:
        if processor.get("type") == "ByteLevel":
            continue  # it only moves offsets
        if processor.get("type") != "TemplateProcessing":
            raise ExportError(f"{path} ends with the post-processor {processor.get('type')!r}; expected TemplateProcessing or none.")
        try:
            before = True
            for piece in processor["single"]:
                if "Sequence" in piece:
                    before = False
                elif not before:
                    raise ExportError(f"{path} puts {piece['SpecialToken']['id']} after a text; expected special tokens before it alone.")
                else:
                    ids += processor["special_tokens"][piece["SpecialToken"]["id"]]["ids"]
        except (KeyError, TypeError):
            raise ExportError(f"{path} has a post-processor that cannot be read: download it again.") from None
    return ids


def _flat(processor: object) -> list[dict[str, Any]]:
    if not isinstance(processor, dict):
        return []
    if processor.get("type") == "Sequence":
        return [each for part in processor.get("processors", []) for each in _flat(part)]
    return [processor]
