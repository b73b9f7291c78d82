"""Write an ONNX model as C: ``denoise.h`` and ``denoise.c``."""

import re
from collections.abc import Callable
from pathlib import Path

import onnx

from denoise_export.graph.plain import check_plain
from denoise_export.to_c import weights
from denoise_export.to_c.arrangement import ARRANGING_OPERATORS
from denoise_export.to_c.context import context_values
from denoise_export.to_c.elements import ELEMENT_OPERATORS
from denoise_export.to_c.graph import Graph, Node, read_graph, shape_of
from denoise_export.to_c.gru import gru
from denoise_export.to_c.layers import WEIGHTED_OPERATORS
from denoise_export.to_c.program import number
from denoise_export.to_c.reductions import REDUCING_OPERATORS
from denoise_export.to_c.templates import filled, functions
from denoise_export.to_c.translation import Translation
from denoise_export.to_c.views import Buffer, View, row_major
from denoise_stream import ContractError
from denoise_stream.engine import gate
from denoise_stream.engine.overlap_add import taper
from denoise_stream.files.paths import check_outputs, write_together
from denoise_stream.model import Model

OPERATORS: dict[str, Callable[[Translation, Node], None]] = {
    **ARRANGING_OPERATORS,
    **ELEMENT_OPERATORS,
    **REDUCING_OPERATORS,
    **WEIGHTED_OPERATORS,
    "GRU": gru,
}
"""The translation of each ONNX operator.

The shipped models use fewer than half of them. The others are what tf2onnx makes of Keras' layers and activations in
networks that people train themselves; each is tested against onnxruntime.
"""

TEMPLATES = Path(__file__).parent


def write_c(model: Path, folder: Path, *, packed: bool = False, force: bool = False) -> tuple[Path, dict[str, int]]:
    """Write a model as C99: one source and one header.

    Parameters
    ----------
    model
        The ONNX file.
    folder
        Where ``denoise.c`` and ``denoise.h`` go; made if it does not exist.
    packed
        Write the weights as text that ``denoise_init`` unpacks into RAM: the source has about a sixth of the size.
    force
        Replace files that exist.

    Returns
    -------
    source, costs
        The path of ``denoise.c``, and the bytes of ``weights`` (constant) and ``work`` (memory of the network).

    Raises
    ------
    ContractError
        If the model breaks the contract, or holds an operator that has no translation; the sentence names them.
    """
    source, header, costs = translated(model, weights.as_text if packed else weights.as_numbers)
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / "denoise.h": header.encode(), folder / "denoise.c": source.encode()}
    check_outputs(*files, force=force)
    write_together(files)
    return folder / "denoise.c", costs


def translated(
    model: Path, write: Callable[[weights.Constants], weights.Written] = weights.as_numbers
) -> tuple[str, str, dict[str, int]]:
    """Translate an ONNX file; return the source, the header and their costs, or raise, as :func:`write_c` does.

    ``write`` is what becomes of the weights.
    """
    Model(model)  # which refuses a file that breaks the contract
    return c_source(onnx.load(model), model.name, write)


def c_source(
    model: onnx.ModelProto, file: str, write: Callable[[weights.Constants], weights.Written] = weights.as_numbers
) -> tuple[str, str, dict[str, int]]:
    """Translate a model as :func:`translated` does."""
    check_plain(model, file)
    graph = read_graph(model, file)
    unknown = sorted({node.kind for node in graph.nodes} - set(OPERATORS))
    if unknown:
        raise ContractError(
            f"{file} cannot be turned into C: no translation of {', '.join(unknown)}; there is one of "
            f"{', '.join(sorted(OPERATORS))}"
        )
    work = _translate(graph)
    program = work.program
    offsets, size = program.plan()
    called = set(re.findall(r"\w+", " ".join(program.steps)))
    constants = {name: array for name, array in program.constants.items() if name in called}
    written = write(constants)
    contract, state = graph.contract, graph.contract.state_size
    body = [f"    float *const {name} = work + {offset};" for name, offset in offsets.items()]
    body += [f"    {step}" for step in program.steps]
    read = {*called, *(["work"] if offsets else [])}
    given = ["work", "noisy", *(["state"] if state else []), *(["context"] if contract.context_size else [])]
    body = [f"    (void){name};" for name in given if name not in read] + body
    rate = contract.sample_rate_hz
    values = {
        "NAME": _comment(contract.name),
        "WINDOW": str(contract.window),
        "HOP": str(contract.hop),
        "CHOICE": "the network's state advances by that many samples"
        if state
        else "1 to DENOISE_WINDOW: fewer is cleaner and slower",
        "ONLY": _ONLY_HOP.format(hop=contract.hop) if state else "",
        "RATEHZ": "0" if rate is None else f"{rate:.17g}",
        "RATE": "Any sample rate." if rate is None else f"Sample rate: {rate:g} Hz; no other is supported.",
        "LICENSE": _comment(contract.license or "not stated"),
        "WORK": str(size),
        "STATE": f"    float memory[{state}], updated[{state}]; /* the network's state between windows */\n"
        if state
        else "",
        "CONSTANTS": written.declarations,
        "LOADING": written.loading,
        "TAPER": weights.lines_of(taper(contract.window)),
        "KERNELS": functions(TEMPLATES / "kernels.c", program.kernels),
        "NETWORK": "\n".join(body),
        "ARGUMENTS": ", const float *state, float *state_out" if state else "",
        "PASSED": ", state->memory, state->updated" if state else "",
        "SCALING": "" if contract.normalization == "none" else _SCALING,
        **_gate_values(rate),
        **context_values(contract),
        "ANDSTATE": f" || !is_finite(state->updated, {state})" if state else "",
        "RESTART": "        memset(state->updated, 0, sizeof state->updated);\n" if state else "",
        "KEEPING": "    memcpy(state->memory, state->updated, sizeof state->updated);\n" if state else "",
    }
    source, header = (filled(TEMPLATES / name, values) for name in ("denoise.c", "denoise.h"))
    return source, header, {"weights": sum(array.nbytes for array in constants.values()), "work": 4 * size}


def _gate_values(rate: float | None) -> dict[str, str]:
    """Return the templates' values for the gate between words, which models for any rate lack."""
    if rate is None:
        return {
            "GATE": _NO_GATE,
            "GATING": "There is no gate between words: it needs a speech model.",
            **_UNUSED,
        }
    constants = {
        "HZ": number(rate),
        "HZEXACT": f"{rate:.17g}",
        "HOLD": f"{gate.HOLD_S:.17g}",
        "BELOW": number(gate.BELOW_SPEECH),
        "FLOOR": number(gate.ABOVE_FLOOR),
        "LEAST": number(gate.LEAST_BELOW_SPEECH),
        "LEASTFLOOR": number(gate.LEAST_FLOOR),
        "RISE": number(gate.SPEECH_RISE_DB_PER_S),
        "FALL": number(gate.SPEECH_FALL_DB_PER_S),
        "FORGET": number(gate.FORGETTING_DB_PER_S),
        "FLOORRISE": number(gate.FLOOR_RISE_DB_PER_S),
        "FLOORFALL": number(gate.FLOOR_FALL_DB_PER_S),
        "OPENING": number(gate.OPENING_S),
        "CLOSING": number(gate.CLOSING_S),
    }
    gating = "With DENOISE_GATE_DB, such as 20, defined for all sources, what is left between words is so much lower."
    return {"GATE": filled(TEMPLATES / "gate.c", constants), "GATING": gating, **constants}


_UNUSED = {"HOLD": "0", "HZEXACT": "1.0"}
_NO_GATE = """
#ifdef DENOISE_GATE_DB
#error "DENOISE_GATE_DB needs a speech model; this one is for any signal"
#endif
"""

_ONLY_HOP = """#if DENOISE_HOP != {hop}
#error "DENOISE_HOP must be {hop}: the network's state advances by that many samples"
#endif
"""

_SCALING = """    low = span = samples[0];
    for (int i = 1; i < DENOISE_WINDOW; ++i) {
        low = samples[i] < low ? samples[i] : low;
        span = samples[i] > span ? samples[i] : span;
    }
    span -= low;
"""


def _comment(text: str) -> str:
    r"""Make a text safe inside a comment of C: no end of one, no trigraph, no character that cannot be shown.

    >>> _comment("a */ b /* c"), _comment("why???/\u202e")
    ('a * / b / * c', 'why? ? ?/')
    """
    shown = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return shown.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?").replace("??", "? ?")


def _translate(graph: Graph) -> Translation:
    work = Translation(graph)
    for name in graph.inputs:
        shape = graph.shapes[name]
        work.define(name, View(Buffer(name, shape[1], planned=False), shape, row_major(shape)))
    for node in graph.nodes:
        OPERATORS[node.kind](work, node)
        for position, name in enumerate(node.outputs):
            if name and name in work.views and work.views[name].shape != shape_of(graph, node, node.outputs[position]):
                raise ContractError(f"{node.kind} gives {work.views[name].shape}, not {graph.shapes[name]}")
    for name in graph.outputs:
        shape = graph.shapes[name]
        work.program.copy(work.view(name), View(Buffer(name, shape[1], planned=False), shape, row_major(shape)))
    return work
