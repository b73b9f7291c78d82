/*
 * Resampling, sample by sample, with the filter of the engine: y[n] = sum_k h(n R - k) x[k], h a sinc under a Kaiser
 * window. The signal is extended by its first value before it begins.
 */
#ifndef RESAMPLER_H
#define RESAMPLER_H

typedef struct {
    long step, parts; /* output samples are step / parts input samples apart */
    int reach;        /* input samples on either side of an output sample */
    long rows;        /* rows of weights per input sample; fewer than parts: interpolated */
    double *weights;  /* (rows + 1) x 2 reach */
} resampling_filter;

typedef struct {
    const resampling_filter *filter;
    double *latest; /* the last 2 reach samples less the first one, twice in a row: any start has them all behind it */
    double first;   /* the first sample of the signal */
    int begun;      /* whether there was one */
    int oldest;     /* where the oldest of them lies */
    long missing;   /* input samples that the next output sample waits for */
    long part;      /* how many parts it lies after an input sample */
} resampler;

int filter_init(resampling_filter *filter, double from_hz, double to_hz); /* 0 if there is no memory */
void filter_free(resampling_filter *filter);

int resampler_init(resampler *resampler, const resampling_filter *filter); /* 0 if there is no memory */
void resampler_reset(resampler *resampler);
void resampler_free(resampler *resampler);

void resampler_push(resampler *resampler, double sample);
/* Get the next output sample if its input has come; beyond is how far after an input sample it lies, 0 to 1. */
int resampler_pull(resampler *resampler, double *sample, double *beyond);

#endif
