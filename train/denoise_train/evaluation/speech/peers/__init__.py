"""Other programs that clean speech, for comparison: installed packages, and ONNX files that the user names."""
