/* The plug-in for LV2 hosts. The interface is declared here, so that no header has to be installed. */
#include "plugin.h"

#include <stddef.h>
#include <stdint.h>

typedef struct lv2_type {
    const char *uri;
    void *(*instantiate)(const struct lv2_type *type, double rate_hz, const char *folder, const void *const *features);
    void (*connect_port)(void *instance, uint32_t port, void *data);
    void (*activate)(void *instance);
    void (*run)(void *instance, uint32_t count);
    void (*deactivate)(void *instance);
    void (*cleanup)(void *instance);
    const void *(*extension_data)(const char *uri);
} lv2_type;

static void *instantiate_mono(const lv2_type *type, double rate_hz, const char *folder, const void *const *features)
{
    (void)type, (void)folder, (void)features;
    return plugin_new(rate_hz, 1);
}

static void *instantiate_stereo(const lv2_type *type, double rate_hz, const char *folder, const void *const *features)
{
    (void)type, (void)folder, (void)features;
    return plugin_new(rate_hz, 2);
}

static void connect_port(void *instance, uint32_t port, void *data)
{
    plugin_connect(instance, port, data);
}

static void activate(void *instance)
{
    plugin_reset(instance);
}

static void run(void *instance, uint32_t count)
{
    plugin_run(instance, count);
}

static void cleanup(void *instance)
{
    plugin_free(instance);
}

static const lv2_type types[] = {
    {"@URI@:mono", instantiate_mono, connect_port, activate, run, NULL, cleanup, NULL},
    {"@URI@:stereo", instantiate_stereo, connect_port, activate, run, NULL, cleanup, NULL},
};

#ifdef __GNUC__
__attribute__((visibility("default")))
#endif
const lv2_type *lv2_descriptor(uint32_t index);

const lv2_type *lv2_descriptor(uint32_t index)
{
    return index < sizeof types / sizeof *types ? &types[index] : NULL;
}
