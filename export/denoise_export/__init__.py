"""Turn a trained Keras network into one self-describing ONNX file."""
