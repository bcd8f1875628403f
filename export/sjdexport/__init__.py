"""Turns checkpoints into model folders. Needs only numpy and onnx, because graphs are built node by node instead of traced."""
