/*
 * Run a plug-in in blocks of random lengths on random samples, several instances in turns, at many rates. Any
 * allocation while one runs ends the program. Compiled with the sources of a plug-in, which this file includes.
 */
#include "ladspa.c"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define INSTANCES 3
#define MOST 1024
#define ROUNDS 10

static int running;

static void check(void)
{
    if (running) {
        fputs("memory was allocated or freed in run\n", stderr);
        abort();
    }
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);

void *__wrap_malloc(size_t size)
{
    check();
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    check();
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    check();
    return __real_realloc(memory, size);
}

void __wrap_free(void *memory)
{
    check();
    __real_free(memory);
}

static float chance(void)
{
    static unsigned long long seed = 1;
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (float)(seed >> 40) / (1 << 24);
}

static void fill(float *samples, int count)
{
    static const float strange[] = {NAN, INFINITY, -INFINITY, 3e38f, 1e-40f, 0};
    for (int i = 0; i < count; ++i)
        samples[i] = chance() < 0.001f ? strange[(int)(6 * chance())] : 2 * chance() - 1;
}

static void try_rate(const ladspa_type *type, unsigned long rate_hz)
{
    void *instances[INSTANCES];
    const unsigned long controls = type->port_count;
    float *values = calloc(INSTANCES * controls, sizeof *values);
    for (int i = 0; i < INSTANCES; ++i) {
        instances[i] = type->instantiate(type, rate_hz);
        for (unsigned long port = 0; port < controls; ++port)
            if (type->ports[port] & PORT_CONTROL)
                type->connect_port(instances[i], port, &values[(unsigned long)i * controls + port]);
        type->activate(instances[i]);
    }
    for (int round = 0; round < ROUNDS * INSTANCES; ++round) {
        const int at = round % INSTANCES, count = chance() < 0.3f ? (int)(4 * chance()) : (int)(MOST * chance());
        float *blocks[4]; /* of just the right length, so that a sanitizer sees any access beyond */
        int ports = 0;
        for (unsigned long port = 0; port < controls; ++port)
            if (type->ports[port] & PORT_AUDIO) {
                blocks[ports] = malloc(sizeof(float) * (size_t)count);
                fill(blocks[ports], count);
                type->connect_port(instances[at], port, blocks[ports++]);
            } else if (type->ports[port] & PORT_INPUT && chance() < 0.2f)
                values[(unsigned long)at * controls + port] = chance() < 0.1f ? NAN : 150 * chance() - 20;
        running = 1;
        type->run(instances[at], (unsigned long)count);
        running = 0;
        for (int i = 0; i < ports; ++i) {
            for (int n = 0; n < count; ++n)
                if (i >= ports / 2 && !isfinite(blocks[i][n])) {
                    fprintf(stderr, "sample %d at %lu Hz is no number\n", n, rate_hz);
                    exit(1);
                }
            free(blocks[i]);
        }
        if (chance() < 0.02f)
            type->activate(instances[at]);
    }
    for (int i = 0; i < INSTANCES; ++i)
        type->cleanup(instances[i]);
    free(values);
}

int main(void)
{
    static const unsigned long rates_hz[] = {8000, 16000, 44101, 192000};
    const ladspa_type *type;
    for (unsigned long index = 0; (type = ladspa_descriptor(index)); ++index)
        for (size_t i = 0; i < sizeof rates_hz / sizeof *rates_hz; ++i)
            try_rate(type, rates_hz[i]);
    puts("all blocks ran");
    return 0;
}
