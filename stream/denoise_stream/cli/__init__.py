"""The command `denoise-stream`."""
