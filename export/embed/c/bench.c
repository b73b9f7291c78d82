/* Print the CPU time per window in microseconds, best of several runs, and the bytes of one state. */
#define _POSIX_C_SOURCE 199309L
#include "denoise.h"

#include <stdio.h>
#include <time.h>

#define WINDOWS 400
#define RUNS 9

static denoise_state state;
static denoise_sample noisy[WINDOWS * DENOISE_HOP], clean[DENOISE_MOST(WINDOWS * DENOISE_HOP)];

static double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return 1e6 * (double)time.tv_sec + 1e-3 * (double)time.tv_nsec;
}

int main(void)
{
    double best = 1e30;
    for (int i = 0; i < WINDOWS * DENOISE_HOP; ++i)
        noisy[i] = (denoise_sample)(i * 37 % 101) / 101;
    denoise_init(&state);
    for (int run = 0; run < RUNS; ++run) {
        const double start = now_us();
        const size_t done = denoise_process(&state, noisy, WINDOWS * DENOISE_HOP, clean);
        const double time = (now_us() - start) * DENOISE_HOP / (double)(done ? done : 1);
        best = time < best ? time : best;
    }
    printf("%.2f %zu %g\n", best, sizeof state, (double)clean[0]);
    return 0;
}
