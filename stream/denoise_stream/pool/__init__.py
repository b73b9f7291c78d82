"""The pool: many live streams share one model and one thread."""
