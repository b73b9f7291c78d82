"""Make an exported model smaller or older, and measure what that loses."""
