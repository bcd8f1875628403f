"""The packages that programs here need. A missing one is reported in a sentence instead of a traceback."""

from __future__ import annotations

import importlib.util
import sys

PACKAGES = {  # by module: the names for pip and for apt-get
    "numpy": ("numpy", "python3-numpy"),
    "onnx": ("onnx", "python3-onnx"),
    "PIL": ("Pillow", "python3-pil"),
    "torch": ("torch", "python3-torch"),
}


def require(*modules: str) -> None:
    """Exits with a message on stderr and status 1 if one of these modules is not installed."""
    missing = [PACKAGES[module] for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        pip, debian = (" ".join(names) for names in zip(*missing))
        sys.exit(f"Python packages are missing ({pip}): run pip install {pip}, or on Debian and Ubuntu apt-get install {debian}.")
