"""From a trained network to ONNX: load it, adapt its shapes to the contract, convert it, prove that both agree."""
