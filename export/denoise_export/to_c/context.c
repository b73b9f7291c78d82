
/* Add a sample to the sums; a missing one (NaN) is none. */
static void sum_up(denoise_state *state, denoise_sample sample)
{
    const int part = (DENOISE_PAST + state->count - state->next) / DENOISE_PART;
    if (isnan(sample))
        return;
    state->sums[part] += sample;
    ++state->known[part];
}

/* Move the sums on by a hop. */
static void shift_sums(denoise_state *state)
{
    const int passed = DENOISE_HOP / DENOISE_PART, kept = DENOISE_PARTS - passed;
    memmove(state->sums, state->sums + passed, (size_t)kept * sizeof *state->sums);
    memmove(state->known, state->known + passed, (size_t)kept * sizeof *state->known);
    for (int part = kept; part < DENOISE_PARTS; ++part)
        state->sums[part] = state->known[part] = 0;
}

/*
 * Write a row of blocks: the mean of each in the window's scale, and the known share of its samples. Blocks start at the
 * window. One without a known sample takes the mean of the next towards the window, or that of the window's edge.
 */
static void describe(const denoise_state *state, const float *noisy, double low, double span, int before, int size,
                     int number, float *means, float *shares)
{
    const int parts = size / DENOISE_PART, edge = size < DENOISE_WINDOW ? size : DENOISE_WINDOW;
    double mean = 0;
    for (int i = before ? 0 : DENOISE_WINDOW - edge, end = i + edge; i < end; ++i)
        mean += noisy[i];
    mean /= edge;
    for (int block = 0; block < number; ++block) {
        const int place = before ? number - 1 - block : block; /* blocks are in the order of time */
        const int start = before ? DENOISE_PAST - size * (block + 1) : DENOISE_PAST + DENOISE_WINDOW + size * block;
        double sum = 0;
        int known = 0;
        for (int part = start / DENOISE_PART, end = part + parts; part < end && part < DENOISE_PARTS; ++part) {
            sum += state->sums[part];
            known += state->known[part];
        }
        if (known > 0)
            mean = fmin(fmax((sum / known - low) / span, -@LARGEST@), @LARGEST@);
        means[place] = (float)mean;
        shares[place] = (float)known / (float)size;
    }
}

/* Describe what surrounds the next window. */
static void describe_all(const denoise_state *state, const float *noisy, double low, double span, float *context)
{
@SCALES@
}
