/* @NAME@: see denoise.h. Made by denoise-export; change the model, not this file. */
#include "denoise.h"

#include <math.h>
#include <string.h>

#if DENOISE_HOP < 1 || DENOISE_HOP > DENOISE_WINDOW
#error "DENOISE_HOP must be 1 to DENOISE_WINDOW"
#endif
@ONLY@#if DENOISE_LOOKAHEAD < 0 || DENOISE_LOOKAHEAD > @MOSTAHEAD@
#error "DENOISE_LOOKAHEAD must be @RANGE@"
#endif

@CONSTANTS@
static const float taper[DENOISE_WINDOW] = {
@TAPER@
};

@KERNELS@
/* The network, one window. */
static void network(float *work, const float *noisy, float *clean@ARGUMENTS@@GIVEN@)
{
@NETWORK@
}
@GATE@

static int is_finite(const float *numbers, int count)
{
    float sum = 0;
    for (int i = 0; i < count; ++i)
        sum += 0 * numbers[i];
    return sum == 0;
}

/* Replace missing values (NaN) by lines between their neighbours, held at the ends; all missing are 0. */
static void bridge_gaps(denoise_sample *samples)
{
    int before = -1; /* the last known sample */
    for (int i = 0; i <= DENOISE_WINDOW; ++i) {
        if (i < DENOISE_WINDOW && isnan(samples[i]))
            continue;
        for (int gap = before + 1; gap < i; ++gap) {
            const denoise_sample right = i < DENOISE_WINDOW ? samples[i] : before < 0 ? 0 : samples[before];
            const denoise_sample left = before < 0 ? right : samples[before];
            samples[gap] = left + (right - left) * (denoise_sample)(gap - before) / (denoise_sample)(i - before);
        }
        before = i;
    }
}
@AROUND@
/* Denoise one window and add it to the sums. */
static void add_window(denoise_state *state, const denoise_sample *heard)
{
    denoise_sample samples[DENOISE_WINDOW], low = 0, span = 1;
    float noisy[DENOISE_WINDOW], clean[DENOISE_WINDOW];
    memcpy(samples, heard, sizeof samples);
    bridge_gaps(samples);
@SCALING@    for (int i = 0; i < DENOISE_WINDOW; ++i)
        noisy[i] = (float)((samples[i] - low) / (span > 0 ? span : 1));
@DESCRIBING@    network(state->work, noisy, clean@PASSED@@SEEN@);
    if (!is_finite(clean, DENOISE_WINDOW)@ANDSTATE@) {
        memcpy(clean, noisy, sizeof clean);
@RESTART@    }
@KEEPING@    for (int i = 0; i < DENOISE_WINDOW; ++i) {
        state->above[i] += taper[i] * (clean[i] * span + low);
        state->below[i] += taper[i];
    }
#ifdef DENOISE_GATE_DB
    move_gate(state, clean, (float)span);
#endif
    state->windows = 1;
}

/* Give out the first samples of the sums, which no later window changes; what was missing stays missing. */
static void release(denoise_state *state, int count, denoise_sample *clean)
{
    const denoise_sample *noisy = state->samples + state->next;
    const size_t kept = (size_t)(DENOISE_WINDOW - count) * sizeof(denoise_sample);
    for (int i = 0; i < count; ++i)
        clean[i] = isnan(noisy[i]) ? noisy[i] : state->above[i] / state->below[i];
#ifdef DENOISE_GATE_DB
    for (int i = 0; i < count; ++i) /* a straight line within the hop */
        clean[i] *= state->gain + (state->gain_before - state->gain) * fmaxf(0, 1 - (i + 1) / (float)DENOISE_HOP);
    state->gain_before = state->gain;
#endif
    memmove(state->above, state->above + count, kept);
    memmove(state->below, state->below + count, kept);
    for (int i = DENOISE_WINDOW - count; i < DENOISE_WINDOW; ++i)
        state->above[i] = state->below[i] = 0;
}

void denoise_init(denoise_state *state)
{
@LOADING@    memset(state, 0, sizeof *state);
@WAIT@#ifdef DENOISE_GATE_DB
    state->gain = state->gain_before = 1;
    state->closed = powf(10, -(float)(DENOISE_GATE_DB) / 20);
    state->held = (int)ceil(@HOLD@ * @HZEXACT@ / DENOISE_HOP);
#endif
}

/* Denoise the next window and give out a hop. */
static size_t next_window(denoise_state *state, denoise_sample *clean)
{
    add_window(state, state->samples + state->next);
    release(state, DENOISE_HOP, clean);
    state->next += DENOISE_HOP;
@SHIFTING@    return DENOISE_HOP;
}

size_t denoise_process(denoise_state *state, const denoise_sample *noisy, size_t n, denoise_sample *clean)
{
    size_t done = 0;
    for (size_t i = 0; i < n; ++i) {
@SUMMING@        state->samples[state->count++] = noisy[i];
        if (state->count < state->next + DENOISE_WINDOW@WAITING@)
            continue;
        done += next_window(state, clean + done);
        if (state->next > DENOISE_WINDOW) { /* the last window stays: its reflection may be needed at the end */
            const int old = state->next - DENOISE_WINDOW;
            state->count -= old;
            state->next -= old;
            memmove(state->samples, state->samples + old, (size_t)state->count * sizeof(denoise_sample));
        }
    }
    return done;
}

size_t denoise_flush(denoise_state *state, denoise_sample *clean)
{
    const int period = 2 * (state->count - 1);
    size_t done = 0;
    int left;
@REMAINING@    left = state->count - state->next;
    if (left > (state->windows ? DENOISE_WINDOW - DENOISE_HOP : 0)) {
        denoise_sample window[DENOISE_WINDOW];
        for (int i = 0; i < DENOISE_WINDOW; ++i) {
            int at = period > 0 ? (state->next + i) % period : 0;
            window[i] = state->samples[at < state->count ? at : period - at];
        }
        add_window(state, window);
    }
    if (left > 0) {
        release(state, left, clean + done);
        done += (size_t)left;
    }
@RESTARTING@    return done;
}
