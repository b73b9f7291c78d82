/*
 * @NAME@: removes noise from a signal, one channel, any chunk size. Made by denoise-export; weights included.
 *
 *     static denoise_state state;                     (no memory is allocated; one state for each channel)
 *     denoise_init(&state);
 *     count = denoise_process(&state, noisy, n, clean);   (as often as samples come; clean: DENOISE_MOST(n) samples)
 *     count = denoise_flush(&state, clean);               (the end: returns the rest and starts again)
 *
 * A sample is given back when @WINDOW@ samples, itself included, have come in.@AHEAD@
 * @GATING@
 * Infinite samples are not allowed; NaN marks a missing value and comes back as such. clean must not overlap noisy.
 * A window that the network answers with anything but finite numbers passes unchanged, and the network restarts after it.
 * @RATE@
 * Licence of the weights: @LICENSE@
 */
#ifndef DENOISE_H
#define DENOISE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DENOISE_RATE_HZ @RATEHZ@ /* 0: any */
#define DENOISE_WINDOW @WINDOW@
#ifndef DENOISE_HOP
#define DENOISE_HOP @HOP@ /* @CHOICE@ */
#endif
#ifndef DENOISE_LOOKAHEAD
#define DENOISE_LOOKAHEAD 0 /* samples after a window that the network sees; @RANGE@ */
#endif
#define DENOISE_LATENCY (DENOISE_WINDOW + DENOISE_LOOKAHEAD)
#define DENOISE_MOST(n) ((n) + DENOISE_LATENCY) /* samples that n samples can release at most */
@PARTS@
#ifndef DENOISE_SAMPLE
#define DENOISE_SAMPLE float /* or double, for small changes on a large offset */
#endif
typedef DENOISE_SAMPLE denoise_sample;

typedef struct {
    denoise_sample samples[DENOISE_WINDOW + DENOISE_LATENCY]; /* those that are still needed */
    int count;                            /* how many there are */
    int next;                             /* where among them the next window starts */
    int windows;                          /* whether there was one: 0 or 1 */
    denoise_sample above[DENOISE_WINDOW]; /* the sums of overlap-add: tapered windows ... */
    denoise_sample below[DENOISE_WINDOW]; /* ... and tapers */
#ifdef DENOISE_GATE_DB
    float speech, floor, gain, gain_before; /* the two levels, and the gate's gain now and a hop ago */
    float closed;                           /* the gain when closed; may be set between calls, 1 is no gate */
    int held;                               /* windows for which it stays open */
#endif
@SUMS@@STATE@    float work[@WORK@]; /* for the network */
} denoise_state;

void denoise_init(denoise_state *state);
size_t denoise_process(denoise_state *state, const denoise_sample *noisy, size_t n, denoise_sample *clean);
size_t denoise_flush(denoise_state *state, denoise_sample *clean); /* at most DENOISE_LATENCY samples */

#ifdef __cplusplus
}
#endif
#endif
