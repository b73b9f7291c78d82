/* See channel.h. */
#include "channel.h"

#include <math.h>
#include <stdlib.h>

#define MOST_RESAMPLING @MOST@
#define LARGEST 1e30f /* a sample beyond it, or one that is not a number, counts as the one before */

int conversion_init(conversion *conversion, double rate_hz, int lookahead)
{
    const resampling_filter *into = &conversion->into;
    const int delay = DENOISE_WINDOW + lookahead - 1;
    conversion->delay = delay;
    conversion->lookahead = lookahead;
    conversion->resampled = DENOISE_RATE_HZ != 0 && lround(rate_hz) != DENOISE_RATE_HZ;
    conversion->into.weights = conversion->out_of.weights = NULL;
    if (!conversion->resampled)
        return 1;
    if (!(rate_hz * MOST_RESAMPLING >= DENOISE_RATE_HZ && rate_hz <= (double)DENOISE_RATE_HZ * MOST_RESAMPLING))
        return 0;
    if (!filter_init(&conversion->into, rate_hz, DENOISE_RATE_HZ) ||
        !filter_init(&conversion->out_of, DENOISE_RATE_HZ, rate_hz))
        return 0;
    conversion->delay = (int)((delay + conversion->out_of.reach) * into->step / into->parts) + into->reach;
    return 1;
}

void conversion_free(conversion *conversion)
{
    filter_free(&conversion->into);
    filter_free(&conversion->out_of);
}

int channel_init(channel *channel, const conversion *conversion)
{
    channel->conversion = conversion;
    channel->into.latest = channel->noisy_up.latest = channel->clean_up.latest = NULL;
    for (channel->size = 1; channel->size <= (unsigned)conversion->delay; channel->size *= 2)
        ;
    channel->noisy = malloc(2 * channel->size * sizeof(double));
    if (!channel->noisy)
        return 0;
    channel->clean = channel->noisy + channel->size;
    if (conversion->resampled &&
        (!resampler_init(&channel->into, &conversion->into) || !resampler_init(&channel->noisy_up, &conversion->out_of) ||
         !resampler_init(&channel->clean_up, &conversion->out_of)))
        return 0;
    channel_reset(channel);
    return 1;
}

void channel_reset(channel *channel)
{
    denoise_init(&channel->denoiser);
#if DENOISE_LOOKAHEAD > 0
    channel->denoiser.lookahead = channel->conversion->lookahead;
#endif
    if (channel->conversion->resampled) {
        resampler_reset(&channel->into);
        resampler_reset(&channel->noisy_up);
        resampler_reset(&channel->clean_up);
    }
    channel->heard_count = channel->differences = channel->hops = 0;
    channel->taken = channel->ready = 0;
    channel->waiting = channel->conversion->delay;
    channel->last = 0;
}

void channel_free(channel *channel)
{
    free(channel->noisy);
    resampler_free(&channel->into);
    resampler_free(&channel->noisy_up);
    resampler_free(&channel->clean_up);
}

/* Add the square of the second difference, and move on by a sample. */
static void add_energy(double *energy, double *before, double sample, int known)
{
    const double difference = (sample - before[0]) - (before[0] - before[1]);
    if (known)
        *energy += difference * difference;
    before[1] = before[0];
    before[0] = sample;
}

/* Compute the gain of the top of the model's range in the hop that is out. */
static void follow_gain(channel *channel, const double *clean)
{
    double noisy_energy = 0, clean_energy = 0;
    for (int i = 0; i < DENOISE_HOP; ++i) {
        const int known = channel->differences == 2;
        add_energy(&noisy_energy, channel->before[0], channel->heard[i], known);
        add_energy(&clean_energy, channel->before[1], clean[i], known);
        channel->differences += !known;
    }
    channel->last_gain = channel->gain;
    channel->gain = noisy_energy > 0 ? sqrt(fmin(clean_energy / noisy_energy, 1)) : 1;
    if (!channel->hops)
        channel->last_gain = channel->gain;
    channel->hops = 1;
}

static void give(channel *channel, double clean)
{
    channel->clean[channel->ready++ & (channel->size - 1)] = clean;
}

/* Bring a hop of the model's output to the host's rate and add the band above. */
static void join(channel *channel, const double *clean)
{
    double noisy_up, clean_up, beyond;
    follow_gain(channel, clean);
    for (int i = 0; i < DENOISE_HOP; ++i) {
        resampler_push(&channel->noisy_up, channel->heard[i]);
        resampler_push(&channel->clean_up, clean[i]);
        while (resampler_pull(&channel->noisy_up, &noisy_up, &beyond) &&
               resampler_pull(&channel->clean_up, &clean_up, &beyond)) {
            const double gain = channel->last_gain + (channel->gain - channel->last_gain) * (i + beyond) / DENOISE_HOP;
            const double noisy = channel->noisy[channel->ready & (channel->size - 1)];
            give(channel, clean_up + gain * (noisy - noisy_up));
        }
    }
}

/* Take a sample at the model's rate. */
static void hear(channel *channel, double sample)
{
    double clean[DENOISE_HOP];
    const int done = (int)denoise_process(&channel->denoiser, &sample, 1, clean);
    channel->heard[channel->heard_count++] = sample;
    if (!done)
        return;
    if (channel->conversion->resampled)
        join(channel, clean);
    else
        for (int i = 0; i < done; ++i)
            give(channel, clean[i]);
    channel->heard_count -= done;
    for (int i = 0; i < channel->heard_count; ++i)
        channel->heard[i] = channel->heard[done + i];
}

float channel_next(channel *channel, float sample, double share)
{
    double low, beyond;
    unsigned at;
    channel->last = fabsf(sample) <= LARGEST ? sample : channel->last;
    channel->noisy[channel->taken++ & (channel->size - 1)] = channel->last;
    if (!channel->conversion->resampled)
        hear(channel, channel->last);
    else
        for (resampler_push(&channel->into, channel->last); resampler_pull(&channel->into, &low, &beyond);)
            hear(channel, low);
    if (channel->waiting > 0) {
        --channel->waiting;
        return 0;
    }
    at = (channel->taken - 1 - (unsigned)channel->conversion->delay) & (channel->size - 1);
    if (share == 1)
        return (float)channel->clean[at];
    return (float)(channel->noisy[at] + share * (channel->clean[at] - channel->noisy[at]));
}
