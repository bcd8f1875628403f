"""Training and fine-tuning in PyTorch. Programs are run from the folder above: `cd export`, then `python3 -m training.…`."""

from sjdexport.requirements import require

require("numpy", "onnx", "PIL", "torch")
