/* What JavaScript calls beside denoise_process and denoise_flush: memory, and channels at the rate of the sound. */
#include "channel.h"

#include <stdlib.h>

typedef struct {
    conversion conversion;
    channel channel;
} converted;

denoise_state *state_open(void)
{
    return malloc(sizeof(denoise_state));
}

void state_init(denoise_state *state, int lookahead)
{
    denoise_init(state);
#if DENOISE_LOOKAHEAD > 0
    state->lookahead = lookahead;
#else
    (void)lookahead;
#endif
}

void channel_close(converted *converted)
{
    channel_free(&converted->channel);
    conversion_free(&converted->conversion);
    free(converted);
}

/* Return NULL if there is no memory or the rate is too far from the model's. */
converted *channel_open(double rate_hz, int lookahead)
{
    converted *made = calloc(1, sizeof(converted));
    if (!made)
        return NULL;
    if (conversion_init(&made->conversion, rate_hz, lookahead) && channel_init(&made->channel, &made->conversion))
        return made;
    channel_close(made);
    return NULL;
}

int channel_delay(const converted *converted)
{
    return converted->conversion.delay;
}

void channel_restart(converted *converted)
{
    channel_reset(&converted->channel);
}

/* Take samples; return as many denoised ones, and the samples themselves with the same delay. */
void channel_run(converted *converted, const float *noisy, int count, float *delayed, float *clean)
{
    const channel *channel = &converted->channel;
    for (int i = 0; i < count; ++i) {
        const int begun = channel->waiting == 0;
        clean[i] = channel_next(&converted->channel, noisy[i], 1);
        delayed[i] = begun ? (float)channel->noisy[(channel->taken - 1 - (unsigned)channel->conversion->delay) &
                                                   (channel->size - 1)]
                           : 0;
    }
}
