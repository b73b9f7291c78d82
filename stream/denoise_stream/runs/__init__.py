"""Runs: one source is denoised into one sink, with a report and a plot."""
