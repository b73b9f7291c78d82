"""Audio files and WAV in pipes: what they say about themselves, how they are read, how they are written."""
