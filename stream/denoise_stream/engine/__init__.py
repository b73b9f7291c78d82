"""The engine: windows, network, overlap-add, resampling; chunks of a signal come in, the denoised signal comes out."""
