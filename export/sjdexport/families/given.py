"""What the user gave, as families read it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ..checkpoint import Checkpoint, open_checkpoint
from ..errors import ExportError
from ..tokenizers import read_hf_bpe


class Tokenizer(Protocol):
    size: int  # its largest id and one

    def id(self, token: str) -> int | None:
        """Special and added tokens too."""

    def split_specials(self, template: str) -> list[int | str]:
        """Text in pieces, and the ids of the special tokens that it names."""

    def write(self, folder: Path) -> dict[str, Any]:
        """Writes its files; returns the section `tokenizer` of model.json."""


@dataclasses.dataclass(frozen=True)
class Given:
    checkpoint: Checkpoint
    config: Mapping[str, Any]  # config.json's content; empty where there is none
    sections: Mapping[str, Any]  # generation.json's sections
    vq: Path | None = None  # --vq
    text_encoder: Path | None = None  # --text-encoder
    size: int | None = None  # --size
    read: list[Path] = dataclasses.field(default_factory=list, compare=False)  # documents that were: what the weights cannot do without

    @property
    def folder(self) -> Path:
        return self.checkpoint.folder

    def document(self, name: str) -> Path:
        """The file of that name beside the weights, which is about to be read if it is there."""
        path = self.folder / name
        if path not in self.read:
            self.read.append(path)
        return path

    def open_vq(self, what: str) -> Checkpoint:
        """The file of --vq. Raises ExportError, which says that `what` is expected there, if none was given."""
        if self.vq is None:
            raise ExportError(f"the weights in {self.folder} do not include the image decoder: give {what} with --vq.")
        return open_checkpoint(self.vq)

    def read_tokenizer(self, *names: str) -> Tokenizer:
        """The first tokenizer.json of these names beside the weights, or beside the image decoder of --vq.

        No text spells ids of generation.json's layout.
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
        """The id of a token that the family's prompts need."""
        id = tokenizer.id(token)
        if id is None:
            raise ExportError(f"the tokenizer has no token {token}, which this family's prompts need: say prompt, layout and image in generation.json.")
        return id


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ExportError where the file holds something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ExportError(f"{path} is not JSON, or is nested too deeply.") from None
    if not isinstance(content, dict):
        raise ExportError(f"{path} is not a JSON object.")
    return content
