/*
 * Denoise a pipe of raw samples (native floats, or doubles with -DDENOISE_SAMPLE=double):
 *
 *     denoise-export general.onnx --c .
 *     cc -std=c99 -O3 -ffp-contract=fast filter.c denoise.c -lm -o filter
 *     ./filter [chunk] < noisy.f32 > clean.f32
 */
#include "denoise.h"

#include <stdio.h>
#include <stdlib.h>

#define LARGEST_CHUNK 4096

static denoise_state state;

int main(int count, char **words)
{
    static denoise_sample noisy[LARGEST_CHUNK], clean[DENOISE_MOST(LARGEST_CHUNK)];
    const long chunk = count > 1 ? strtol(words[1], NULL, 10) : 256;
    size_t read;

    if (chunk < 1 || chunk > LARGEST_CHUNK) {
        fprintf(stderr, "filter: chunk=%s is out of range; use 1 to %d\n", words[1], LARGEST_CHUNK);
        return 2;
    }
    denoise_init(&state);
    while ((read = fread(noisy, sizeof *noisy, (size_t)chunk, stdin)) > 0)
        fwrite(clean, sizeof *clean, denoise_process(&state, noisy, read, clean), stdout);
    fwrite(clean, sizeof *clean, denoise_flush(&state, clean), stdout);
    if (ferror(stdin) || fflush(stdout) != 0) {
        fprintf(stderr, "filter: input or output failed\n");
        return 1;
    }
    return 0;
}
