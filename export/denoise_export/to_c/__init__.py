"""Turn an ONNX model into C99: no runtime, no allocation, weights as constants.

    ONNX file -> graph (batch 1, constants folded) -> program (steps on planned memory) -> denoise.c, denoise.h

emx-onnx-cgen, the maintained generator on PyPI, was measured first (1.4.0, an earlier `general`, gcc -O3
-march=native): 1360 us a window against 53 us for onnxruntime, and 170 KB of stack as it reuses no buffer; hence this
one.
"""
