"""Write docs/tutorials.md from runs of the tutorials' recipes."""
