"""Frameworks for voice agents: each caller's frames through one pool."""
