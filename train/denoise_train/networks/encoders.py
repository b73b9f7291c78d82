"""Extract the encoder of an autoencoder."""

import keras
from keras import layers

from denoise_stream import SourceError

CODE = "code"
"""The name of the layer that ends an encoder."""


def encoder_of(network: keras.Model) -> keras.Model:
    """Return the network from an autoencoder's input ``(batch, window)`` to its code ``(batch, size)``.

    Raises
    ------
    SourceError
        If no layer is called ``code``.
    """
    names = [layer.name for layer in network.layers]
    if CODE not in names:
        raise SourceError(f"the network {network.name!r} has no layer called {CODE!r}, so it has no encoder of its own")
    code = network.get_layer(CODE).output
    return keras.Model(network.input, layers.Flatten()(code), name="encoder")
