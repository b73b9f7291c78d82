"""What a terminal shows of a live run: a screen with meters and keys, or plain lines."""
