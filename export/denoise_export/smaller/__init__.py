"""Make an exported model smaller or for an older opset, and measure the loss."""
