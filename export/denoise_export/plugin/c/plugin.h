/* A plug-in for one or two channels, whatever the interface: ports, controls, and the work between them. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "denoise.h"

/* Controls, in the order of their ports: audio in, audio out, then these. */
enum {
    MIX,
    MAX_ATTENUATION,
#ifdef DENOISE_GATE_DB
    GATE,
#endif
    LATENCY, /* an output */
    CONTROLS
};

#define MOST_CHANNELS 2
#define MOST_DB @DB@ /* upper end of the controls in dB; a maximum attenuation of that much means no limit */
#define PORTS(channels) (2 * (channels) + CONTROLS)

typedef struct plugin plugin;

plugin *plugin_new(double rate_hz, int channels); /* NULL for no memory or a rate too far from the model's */
void plugin_connect(plugin *plugin, unsigned long port, float *data);
void plugin_reset(plugin *plugin);
void plugin_run(plugin *plugin, unsigned long count);
void plugin_free(plugin *plugin);

#endif
