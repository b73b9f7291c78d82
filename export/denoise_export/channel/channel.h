/*
 * One channel at the host's rate: what comes in is given back denoised, a fixed number of samples later.
 *
 *     x -> to the model's rate -> d -> model -> c        y = up(c) + g (x - up(d)),    out = x + share (y - x)
 *
 * g is the gain that the model gave to the top of its range; the band above follows it.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "denoise.h"
#include "resampler.h"

typedef struct {
    int delay;                      /* of the output, in samples of the host */
    int lookahead;                  /* of the model, in samples at its rate */
    int resampled;                  /* whether the host's rate is another than the model's */
    resampling_filter into, out_of; /* to the model's rate and back */
} conversion;

typedef struct {
    const conversion *conversion;
    denoise_state denoiser;
    resampler into, noisy_up, clean_up;
    double heard[DENOISE_LATENCY]; /* input of the model whose output is not out yet */
    int heard_count;
    double before[2][2]; /* the last two samples of the model's input and output */
    int differences;     /* how many of them there are */
    double gain, last_gain;
    int hops;            /* whether there was one: 0 or 1 */
    double *noisy, *clean; /* rings of the host's samples */
    unsigned size;         /* of each; a power of two */
    unsigned taken, ready; /* samples so far; wraps */
    int waiting;           /* samples before the first one of the output */
    double last;           /* the last sample that was a number */
} channel;

/* Return 0 if there is no memory or the rate is too far from the model's; lookahead is at most DENOISE_LOOKAHEAD. */
int conversion_init(conversion *conversion, double rate_hz, int lookahead);
void conversion_free(conversion *conversion);

int channel_init(channel *channel, const conversion *conversion); /* 0 if there is no memory */
void channel_reset(channel *channel);
void channel_free(channel *channel);

/* Take the next sample and return the denoised one of delay samples ago; share is that of the denoised signal. */
float channel_next(channel *channel, float sample, double share);

#endif
