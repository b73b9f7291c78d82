"""Restore what converters of ONNX models drop."""

import onnx


def restored(changed: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto:
    """Give a converted model its source's metadata, names and free batch size."""
    del changed.metadata_props[:]
    changed.metadata_props.extend(model.metadata_props)
    changed.producer_name = model.producer_name
    changed.graph.name = model.graph.name
    for value in [*changed.graph.input, *changed.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del changed.graph.value_info[:]
    return changed
