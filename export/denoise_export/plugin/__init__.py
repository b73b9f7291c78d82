"""Turn a model into a plug-in for audio programs, LADSPA or LV2: its C, resampling and controls in one shared library.

ONNX file -> denoise.c -> (resampler, channel, plugin, interface) -> shared library -> a folder that hosts search
"""
