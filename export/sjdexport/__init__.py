"""From a checkpoint to a model folder that the engine reads. numpy and onnx only: graphs are built, not traced."""
