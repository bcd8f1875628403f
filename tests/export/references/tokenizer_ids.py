#!/usr/bin/env python3
"""Makes tokenizer_ids.npz, the ids that the Hugging Face tokenizers library 0.23.2 gives for the texts of harness/tokenizers.py.

Tests read that file. Run this program by hand when the cases change. It needs Node.js with npm, because it uses the library's package for
Node.js. Special tokens are renamed first, because the library would find them in text.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2] / "export")]

from harness.tokenizers import CASES, IDS, case_texts, packed  # noqa: E402

PACKAGE = "tokenizers@0.23.2"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "install", "--ignore-scripts", "--silent", "--no-audit", "--no-fund", PACKAGE], cwd=folder, check=True)
        program = Path(folder) / "encode.mjs"
        program.write_text((HERE / "encode.mjs").read_text())
        requests = []
        for name, make in CASES.items():
            tokenizer = make()
            found = [token for token in tokenizer["added_tokens"] if not token["special"]]
            special = {token["content"] for token in tokenizer["added_tokens"] if token["special"]}
            vocabulary = {f"\ue000{token}" if token in special else token: id for token, id in tokenizer["model"]["vocab"].items()}
            model = {**tokenizer["model"], "vocab": vocabulary}
            requests.append({"tokenizer": {**tokenizer, "added_tokens": found, "model": model}, "texts": case_texts(name)})
        done = subprocess.run(["node", str(program)], input=json.dumps(requests), capture_output=True, text=True, check=True)
    IDS.write_bytes(packed(dict(zip(CASES, json.loads(done.stdout)))))


if __name__ == "__main__":
    main()
