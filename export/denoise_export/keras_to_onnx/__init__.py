"""Export: a trained Keras network becomes one self-describing ONNX file."""
