"""Rewrite and measure ONNX graphs."""
