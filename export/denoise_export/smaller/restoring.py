"""Restore what converters of ONNX models drop."""

import onnx


def restored(changed: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto:
    """Give a converted model the metadata, the names and the free batch size of the model that it was made from."""
    del changed.metadata_props[:]
    changed.metadata_props.extend(model.metadata_props)
    changed.producer_name = model.producer_name
    changed.graph.name = model.graph.name
    for value in [*changed.graph.input, *changed.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del changed.graph.value_info[:]
    return changed
