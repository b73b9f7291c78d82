"""Judge one noisy file without a clean reference, against the best plain filter."""
