"""The report of a run: its facts, and what is said of them."""
