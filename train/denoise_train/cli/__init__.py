"""The commands `denoise-train` and `denoise-evaluate`."""
