"""The trainer of the built-in model onnx-models/emoji: Noto Color Emoji at 128 x 128 pixels."""
