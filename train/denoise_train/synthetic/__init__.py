"""Synthetic signals and noise."""
