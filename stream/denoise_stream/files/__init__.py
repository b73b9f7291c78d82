"""Files and pipes: signals, tables and images are read and written, format by format."""
