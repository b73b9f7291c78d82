"""Training: a recipe comes in, a run folder with a trained network goes out."""
