"""Train a network as a recipe says, into a run folder."""
