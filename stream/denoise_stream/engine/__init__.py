"""The engine: windows, network, overlap-add and resampling, chunk by chunk."""
