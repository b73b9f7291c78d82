"""Turn a trained Keras network into one self-describing ONNX file: see :func:`export`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from denoise_export.keras_to_onnx.export import export

__all__ = ["export"]


def __getattr__(name: str) -> Any:
    """Load :func:`export`, and TensorFlow with it, only on first use."""
    if name != "export":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from denoise_train.training.backend import loading_backend

    with loading_backend("exporting", "export"):
        from denoise_export.keras_to_onnx.export import export
    return export
