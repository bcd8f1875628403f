#!/usr/bin/env python3
"""Turns a checkpoint into a model folder for SjdOnnx. `--help` says how."""

import sys

from sjdexport.requirements import require

if __name__ == "__main__":
    require("numpy", "onnx")
    from sjdexport.command import main

    sys.exit(main())
