"""Turn an ONNX model into one WebAssembly module: the C of :mod:`denoise_export.to_c`, compiled by clang.

ONNX file -> denoise.c, weights as bytes -> clang for wasm32 with SIMD -> MODEL.wasm, and the JavaScript round it
"""
