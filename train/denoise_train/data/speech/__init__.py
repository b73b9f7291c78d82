"""Speech: scenes of recorded speech under recorded and synthetic noise."""
