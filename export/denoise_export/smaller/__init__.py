"""Store an exported model in smaller numbers or for another opset, and measure the loss."""
