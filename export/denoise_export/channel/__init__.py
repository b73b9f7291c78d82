"""C that denoises one channel at the rate of its host: what plug-ins and WebAssembly modules put round a model's C.

samples at any rate -> resampler -> denoise.c -> resampler -> samples at the same rate, a fixed time later
"""
