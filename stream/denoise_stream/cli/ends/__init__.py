"""The two ends of a run: where its signal comes from and where it goes."""
