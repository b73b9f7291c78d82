/* The plug-in for LADSPA hosts. The interface (version 1.1) is declared here, so that no header has to be installed. */
#include "plugin.h"

#include <stddef.h>

enum { PORT_INPUT = 1, PORT_OUTPUT = 2, PORT_CONTROL = 4, PORT_AUDIO = 8 };
enum { HARD_REALTIME = 4 };
enum { BOUNDED = 3, DEFAULT_MINIMUM = 0x40, DEFAULT_MAXIMUM = 0x140 };

typedef struct {
    int kind;
    float lower, upper;
} port_range;

typedef struct ladspa_type {
    unsigned long id;
    const char *label;
    int properties;
    const char *name, *maker, *copyright;
    unsigned long port_count;
    const int *ports;
    const char *const *port_names;
    const port_range *port_ranges;
    void *data;
    void *(*instantiate)(const struct ladspa_type *type, unsigned long rate_hz);
    void (*connect_port)(void *instance, unsigned long port, float *data);
    void (*activate)(void *instance);
    void (*run)(void *instance, unsigned long count);
    void (*run_adding)(void *instance, unsigned long count);
    void (*set_run_adding_gain)(void *instance, float gain);
    void (*deactivate)(void *instance);
    void (*cleanup)(void *instance);
} ladspa_type;

#ifdef DENOISE_GATE_DB
#define GATE_PORT PORT_INPUT | PORT_CONTROL,
#define GATE_NAME "Gate (dB)",
#define GATE_RANGE {BOUNDED | DEFAULT_MINIMUM, 0, MOST_DB},
#else
#define GATE_PORT
#define GATE_NAME
#define GATE_RANGE
#endif
#define CONTROL_PORTS PORT_INPUT | PORT_CONTROL, PORT_INPUT | PORT_CONTROL, GATE_PORT PORT_OUTPUT | PORT_CONTROL
#define CONTROL_NAMES "Mix", "Max attenuation (dB)", GATE_NAME "latency" /* by which hosts know it */
#define CONTROL_RANGES {BOUNDED | DEFAULT_MAXIMUM, 0, 1}, {BOUNDED | DEFAULT_MAXIMUM, 0, MOST_DB}, GATE_RANGE {0, 0, 0}

static const int mono_ports[] = {PORT_INPUT | PORT_AUDIO, PORT_OUTPUT | PORT_AUDIO, CONTROL_PORTS};
static const char *const mono_names[] = {"Input", "Output", CONTROL_NAMES};
static const port_range mono_ranges[] = {{0, 0, 0}, {0, 0, 0}, CONTROL_RANGES};

static const int stereo_ports[] = {PORT_INPUT | PORT_AUDIO, PORT_INPUT | PORT_AUDIO, PORT_OUTPUT | PORT_AUDIO,
                                   PORT_OUTPUT | PORT_AUDIO, CONTROL_PORTS};
static const char *const stereo_names[] = {"Input (left)", "Input (right)", "Output (left)", "Output (right)",
                                           CONTROL_NAMES};
static const port_range stereo_ranges[] = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, CONTROL_RANGES};

static void *instantiate_mono(const ladspa_type *type, unsigned long rate_hz)
{
    (void)type;
    return plugin_new((double)rate_hz, 1);
}

static void *instantiate_stereo(const ladspa_type *type, unsigned long rate_hz)
{
    (void)type;
    return plugin_new((double)rate_hz, 2);
}

static void connect_port(void *instance, unsigned long port, float *data)
{
    plugin_connect(instance, port, data);
}

static void activate(void *instance)
{
    plugin_reset(instance);
}

static void run(void *instance, unsigned long count)
{
    plugin_run(instance, count);
}

static void cleanup(void *instance)
{
    plugin_free(instance);
}

#define TYPE(number, suffix, words, channels, kind)                                                                    \
    {                                                                                                                  \
        @ID@ + number, "@LABEL@_" suffix, HARD_REALTIME, "@TITLE@ (" words ")", "denoise-stream", "@LICENSE@",                \
            PORTS(channels), kind##_ports, kind##_names, kind##_ranges, NULL, instantiate_##kind, connect_port,        \
            activate, run, NULL, NULL, NULL, cleanup                                                                   \
    }

static const ladspa_type types[] = {TYPE(0, "mono", "mono", 1, mono), TYPE(1, "stereo", "stereo", 2, stereo)};

#ifdef __GNUC__
__attribute__((visibility("default")))
#endif
const ladspa_type *ladspa_descriptor(unsigned long index);

const ladspa_type *ladspa_descriptor(unsigned long index)
{
    return index < sizeof types / sizeof *types ? &types[index] : NULL;
}
