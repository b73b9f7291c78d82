"""Find how a table is written: encoding, delimiter, quotes, marks of its numbers, header and names."""
