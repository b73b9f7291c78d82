"""Recordings that somebody brings: clean, noisy or in pairs."""
