"""The user's recordings: clean, noisy or in pairs."""
