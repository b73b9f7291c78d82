"""Audio files and WAV in pipes: headers, reading, writing."""
