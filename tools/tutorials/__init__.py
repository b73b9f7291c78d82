"""The tutorials' table: runs of their recipes come in, docs/tutorials.md goes out."""
