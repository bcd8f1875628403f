"""The user's input as families read it: the checkpoint, the documents beside it, and options of the command line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..checkpoint import Checkpoint, open_checkpoint
from ..errors import ExportError
from ..tokenizers import read_hf_bpe

UNKNOWN_LICENSE = "{model}'s code is under the Apache License 2.0. For the weights, see the license on the page they were downloaded from."


class Tokenizer(Protocol):
    size: int  # its largest id plus one

    def id(self, token: str) -> int | None:
        """The id of a token, which may be a special or added one; None if there is no such token."""

    def split_specials(self, template: str) -> list[int | str]:
        """The template's text in pieces, with the ids of the special tokens in it."""

    def write(self, folder: Path) -> dict[str, Any]:
        """Writes the tokenizer's files; returns the section `tokenizer` of model.json."""


@dataclasses.dataclass(frozen=True)
class Given:
    checkpoint: Checkpoint
    config: Mapping[str, Any]  # content of config.json; empty if there is none
    sections: Mapping[str, Any]  # generation.json's sections
    vq: Path | None = None  # --vq
    text_encoder: Path | None = None  # --text-encoder
    size: int | None = None  # --size
    base: Path | None = None  # --base
    unnorm_key: str | None = None  # --unnorm-key
    chunk: int | None = None  # --chunk
    gripper: str | None = None  # --gripper
    read: list[Path] = dataclasses.field(default_factory=list, compare=False)  # documents that were read and must ship with the weights

    @property
    def folder(self) -> Path:
        return self.checkpoint.folder

    def document(self, name: str) -> Path:
        """The path of a document beside the weights, which is recorded as read."""
        path = self.folder / name
        if path not in self.read:
            self.read.append(path)
        return path

    def open_vq(self, what: str) -> Checkpoint:
        """Opens --vq. Raises ExportError, with `what` as the expected file, if it was not given."""
        if self.vq is None:
            raise ExportError(f"the weights in {self.folder} do not include the image decoder: give {what} with --vq.")
        return open_checkpoint(self.vq)

    def read_tokenizer(self, *names: str) -> Tokenizer:
        """Reads the first file with one of these names beside the weights or beside --vq.

        Text never becomes ids that the layout in generation.json uses.
        """
        folders = [self.folder, self.folder / "tokenizer"]
        if self.vq is not None:
            folders.append(self.vq if self.vq.is_dir() else self.vq.parent)
        paths = [folder / name for folder in folders for name in names]
        structure: set[int] = set()
        if layout := self.sections.get("layout"):
            structure = {*range(layout["firstCode"], layout["firstCode"] + layout["codes"]), *layout["rowSuffix"], *layout["suffix"]}
        path = next((path for path in paths if path.is_file()), paths[0])
        self.read.append(path)
        return read_hf_bpe(path, structure_ids=structure)

    def id(self, tokenizer: Tokenizer, token: str) -> int:
        """The id of a token that the family's prompts need. Raises ExportError if the tokenizer does not have it."""
        id = tokenizer.id(token)
        if id is None:
            raise ExportError(
                f"the tokenizer has no token {token}, which this family's prompts need: give prompt, layout and image in generation.json.")
        return id


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises ExportError if the file contains something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ExportError(f"{path} is not JSON, or is nested too deeply.") from None
    if not isinstance(content, dict):
        raise ExportError(f"{path} is not a JSON object.")
    return content
