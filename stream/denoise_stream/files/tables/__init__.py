"""Tables of text (CSV, TSV): read the signal columns, write them back, and leave all else byte for byte."""
