/* See resampler.h. */
#include "resampler.h"

#include <math.h>
#include <stdlib.h>

#define REACH @REACH@   /* samples of the lower rate on either side */
#define KAISER @KAISER@ /* shape of the window */
#define CUTOFF @CUTOFF@ /* as a share of half the lower rate */
#define LARGEST_TABLE @TABLE@L
#define TABLE_ROWS @ROWS@ /* per sample of the lower rate, where the exact table would be larger */
#define PI 3.14159265358979323846

static long greatest_divisor(long a, long b)
{
    while (b) {
        const long rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The modified Bessel function of order 0. */
static double bessel(double x)
{
    double sum = 1, term = 1;
    for (int n = 1; term > 1e-18 * sum; ++n) {
        term *= (x / (2 * n)) * (x / (2 * n));
        sum += term;
    }
    return sum;
}

/* The filter at a distance in samples of the lower rate. */
static double windowed_sinc(double distance)
{
    const double place = distance / REACH, angle = PI * CUTOFF * distance;
    if (fabs(place) > 1)
        return 0;
    return (angle == 0 ? 1 : sin(angle) / angle) * bessel(KAISER * sqrt(1 - place * place));
}

int filter_init(resampling_filter *filter, double from_hz, double to_hz)
{
    const long from = lround(from_hz), to = lround(to_hz), common = greatest_divisor(from, to);
    const double per_lower = from > to ? (double)from / (double)to : 1; /* input samples per one of the lower rate */
    filter->step = from / common;
    filter->parts = to / common;
    filter->reach = (int)ceil(REACH * per_lower);
    filter->rows = filter->parts;
    if (2 * filter->reach * filter->parts > LARGEST_TABLE)
        filter->rows = (long)ceil(TABLE_ROWS / per_lower);
    filter->weights = malloc((size_t)(filter->rows + 1) * 2 * (size_t)filter->reach * sizeof(double));
    if (!filter->weights)
        return 0;
    for (long row = 0; row <= filter->rows; ++row) {
        double *weights = filter->weights + row * 2 * filter->reach, sum = 0;
        for (int i = 0; i < 2 * filter->reach; ++i) {
            weights[i] = windowed_sinc(((double)row / (double)filter->rows + (filter->reach - 1 - i)) / per_lower);
            sum += weights[i];
        }
        for (int i = 0; i < 2 * filter->reach; ++i)
            weights[i] /= sum;
    }
    return 1;
}

void filter_free(resampling_filter *filter)
{
    free(filter->weights);
}

int resampler_init(resampler *resampler, const resampling_filter *filter)
{
    resampler->filter = filter;
    resampler->latest = malloc(4 * (size_t)filter->reach * sizeof(double));
    return resampler->latest != NULL;
}

void resampler_reset(resampler *resampler)
{
    for (int i = 0; i < 4 * resampler->filter->reach; ++i)
        resampler->latest[i] = 0;
    resampler->begun = resampler->oldest = 0;
    resampler->missing = resampler->filter->reach + 1;
    resampler->part = 0;
}

void resampler_free(resampler *resampler)
{
    free(resampler->latest);
}

void resampler_push(resampler *resampler, double sample)
{
    const int count = 2 * resampler->filter->reach;
    if (!resampler->begun)
        resampler->first = sample;
    resampler->begun = 1;
    resampler->latest[resampler->oldest] = resampler->latest[resampler->oldest + count] = sample - resampler->first;
    resampler->oldest = resampler->oldest + 1 < count ? resampler->oldest + 1 : 0;
    --resampler->missing;
}

int resampler_pull(resampler *resampler, double *sample, double *beyond)
{
    const resampling_filter *filter = resampler->filter;
    const int count = 2 * filter->reach;
    const double *latest = resampler->latest + resampler->oldest;
    const double place = (double)resampler->part * ((double)filter->rows / (double)filter->parts);
    const long row = (long)place;
    const double *weights = filter->weights + row * count, share = place - (double)row;
    double sum = 0;
    if (resampler->missing > 0)
        return 0;
    if (filter->rows == filter->parts)
        for (int i = 0; i < count; ++i)
            sum += weights[i] * latest[i];
    else
        for (int i = 0; i < count; ++i)
            sum += ((1 - share) * weights[i] + share * weights[count + i]) * latest[i];
    *sample = sum + resampler->first;
    *beyond = (double)resampler->part / (double)filter->parts;
    resampler->part += filter->step;
    resampler->missing += resampler->part / filter->parts;
    resampler->part %= filter->parts;
    return 1;
}
