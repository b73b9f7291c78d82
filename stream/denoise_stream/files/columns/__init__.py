"""Tell which columns of a table are signals, and why the others are not."""
