"""Write the C that computes a model's context: sums of the samples round a window, and from them means of blocks."""

import math
from pathlib import Path

from denoise_export.to_c.templates import filled
from denoise_stream.contract import Contract
from denoise_stream.engine.context import LARGEST

TEMPLATE = Path(__file__).with_name("context.c")


def context_values(contract: Contract) -> dict[str, str]:
    """Return the templates' values for a model's context and look-ahead; nearly all are empty where it has none."""
    most = contract.most_lookahead_samples
    values = {"MOSTAHEAD": str(most), "RANGE": f"0 to {most}" if most else "0: the network does not look ahead"}
    if not contract.context_size:
        return values | dict.fromkeys(_HOOKS, "") | {"RESTARTING": "    denoise_init(state);\n"}
    scales = [(blocks, True) for blocks in contract.context_past]
    scales += [(blocks, False) for blocks in contract.context_ahead]
    part = math.gcd(contract.window, contract.hop, *(blocks.size for blocks, _ in scales))
    count, place, calls = contract.context_size // 2, 0, []
    for blocks, before in scales:
        sizes = f"{int(before)}, {blocks.size}, {blocks.number}"
        calls.append(f"    describe(state, noisy, low, span, {sizes}, context + {place}, context + {count + place});")
        place += blocks.number
    return values | {
        "GIVEN": ", const float *context",
        "SEEN": ", context",
        "AHEAD": _AHEAD.format(most=most) if most else "",
        "PARTS": _PARTS.format(past=contract.past_samples, part=part),
        "SUMS": _SUMS,
        "AROUND": filled(TEMPLATE, {"LARGEST": repr(LARGEST), "SCALES": "\n".join(calls)}),
        "DESCRIBING": _DESCRIBING.format(size=contract.context_size),
        "SUMMING": "        sum_up(state, noisy[i]);\n",
        "SHIFTING": "    shift_sums(state);\n",
        "WAITING": " + state->lookahead",
        "REMAINING": _REMAINING,
        "RESTARTING": _RESTARTING,
        "WAIT": "    state->lookahead = DENOISE_LOOKAHEAD;\n",
    }


_HOOKS = (
    *("AHEAD", "PARTS", "SUMS", "AROUND", "GIVEN", "SEEN", "DESCRIBING"),
    *("SUMMING", "SHIFTING", "WAITING", "REMAINING", "WAIT"),
)
"""Where the templates have room for a context."""

_AHEAD = """
 * With DENOISE_LOOKAHEAD, 1 to {most}, defined for all sources, the network also sees that many samples after each
 * window, and a sample waits for them, too."""

_PARTS = """
#define DENOISE_PAST {past} /* samples before a window that the network sees */
#define DENOISE_PART (DENOISE_HOP % {part} ? 1 : {part}) /* samples in a sum: they divide the hop and all blocks */
#define DENOISE_PARTS ((DENOISE_PAST + DENOISE_LATENCY + DENOISE_PART - 1) / DENOISE_PART)
"""

_SUMS = """\
    int lookahead;              /* DENOISE_LOOKAHEAD, or less if set between denoise_init and the first sample */
    double sums[DENOISE_PARTS]; /* of the samples round the next window, ... */
    int known[DENOISE_PARTS];   /* ... and how many of them are not missing */
"""

_DESCRIBING = """\
    float context[{size}];
    describe_all(state, noisy, low, span > 0 ? span : 1, context);
"""

_REMAINING = """\
    while (state->count - state->next >= DENOISE_WINDOW) /* the windows that wait for later samples */
        done += next_window(state, clean + done);
"""

_RESTARTING = """\
    const int lookahead = state->lookahead;
    denoise_init(state);
    state->lookahead = lookahead;
"""
