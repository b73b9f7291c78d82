/* See plugin.h. Nothing below plugin_run allocates memory, locks or calls the system. */
#include "plugin.h"

#include "channel.h"

#include <math.h>
#include <stdlib.h>

#define FADE_S 0.02 /* in which a changed share of the denoised signal is reached */

struct plugin {
    float *ports[PORTS(MOST_CHANNELS)];
    float set[CONTROLS]; /* the controls when they were last looked at */
    double share;        /* of the denoised signal, now ... */
    double target;       /* ... and when it has faded */
    double step;         /* from sample to sample */
    long fading;         /* samples left of the fade */
    int running;         /* whether there was a sample since the reset */
    long fade_samples;
    int channel_count;
    conversion conversion;
    channel channels[MOST_CHANNELS];
};

plugin *plugin_new(double rate_hz, int channels)
{
    plugin *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->channel_count = channels;
    made->fade_samples = lround(FADE_S * rate_hz);
    if (!conversion_init(&made->conversion, rate_hz, 0)) {
        plugin_free(made);
        return NULL;
    }
    for (int i = 0; i < channels; ++i)
        if (!channel_init(&made->channels[i], &made->conversion)) {
            plugin_free(made);
            return NULL;
        }
    return made;
}

void plugin_connect(plugin *plugin, unsigned long port, float *data)
{
    if (port < (unsigned long)PORTS(plugin->channel_count))
        plugin->ports[port] = data;
}

void plugin_reset(plugin *plugin)
{
    for (int i = 0; i < plugin->channel_count; ++i)
        channel_reset(&plugin->channels[i]);
    plugin->running = 0;
}

void plugin_free(plugin *plugin)
{
    for (int i = 0; i < plugin->channel_count; ++i)
        channel_free(&plugin->channels[i]);
    conversion_free(&plugin->conversion);
    free(plugin);
}

/* Read a control, within its bounds; the default if it is not connected or not a number. */
static float control(const plugin *plugin, int which, float most, float standard)
{
    const float *port = plugin->ports[2 * plugin->channel_count + which];
    return port && *port == *port ? fminf(fmaxf(*port, 0), most) : standard;
}

static void follow_controls(plugin *plugin)
{
    const float mix = control(plugin, MIX, 1, 1), limit_db = control(plugin, MAX_ATTENUATION, MOST_DB, MOST_DB);
    if (!plugin->running || mix != plugin->set[MIX] || limit_db != plugin->set[MAX_ATTENUATION]) {
        plugin->target = limit_db < MOST_DB ? mix * (1 - pow(10, -limit_db / 20)) : mix;
        plugin->fading = plugin->running ? plugin->fade_samples : 0;
        plugin->step = plugin->fading ? (plugin->target - plugin->share) / (double)plugin->fading : 0;
        if (!plugin->fading)
            plugin->share = plugin->target;
        plugin->set[MIX] = mix;
        plugin->set[MAX_ATTENUATION] = limit_db;
    }
#ifdef DENOISE_GATE_DB
    {
        const float gate_db = control(plugin, GATE, MOST_DB, 0);
        if (!plugin->running || gate_db != plugin->set[GATE])
            for (int i = 0; i < plugin->channel_count; ++i)
                plugin->channels[i].denoiser.closed = powf(10, -gate_db / 20);
        plugin->set[GATE] = gate_db;
    }
#endif
    plugin->running = 1;
}

void plugin_run(plugin *plugin, unsigned long count)
{
    const int channels = plugin->channel_count;
    float *const latency = plugin->ports[2 * channels + LATENCY];
    if (latency)
        *latency = (float)plugin->conversion.delay;
    if (count == 0)
        return; /* as hosts ask for the latency before there is sound */
    follow_controls(plugin);
    for (unsigned long n = 0; n < count; ++n) {
        float samples[MOST_CHANNELS];
        if (plugin->fading > 0)
            plugin->share = --plugin->fading ? plugin->share + plugin->step : plugin->target;
        for (int i = 0; i < channels; ++i) /* all are read before any is written: they may be the same memory */
            samples[i] = plugin->ports[i][n];
        for (int i = 0; i < channels; ++i)
            plugin->ports[channels + i][n] = channel_next(&plugin->channels[i], samples[i], plugin->share);
    }
}
