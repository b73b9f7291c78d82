//: product
/* rows x outputs: out = bias + sum over taps and terms of in * weights; weights lie as [taps][terms][outputs]. */
static void product(int rows, int outputs, int taps, int terms, const float *restrict in, int row_step, int tap_step,
                    const float *restrict weights, const float *restrict bias, float *restrict out, int out_step)
{
    for (int row = 0; row < rows; ++row, in += row_step, out += out_step) {
        const float *restrict w = weights;
        for (int i = 0; i < outputs; ++i)
            out[i] = bias[i];
        for (int tap = 0; tap < taps; ++tap) {
            const float *restrict x = in + tap * tap_step;
            int term = 0;
            for (; term + 4 <= terms; term += 4, w += 4 * outputs) {
                const float x0 = x[term], x1 = x[term + 1], x2 = x[term + 2], x3 = x[term + 3];
                for (int i = 0; i < outputs; ++i)
                    out[i] += x0 * w[i] + x1 * w[outputs + i] + x2 * w[2 * outputs + i] + x3 * w[3 * outputs + i];
            }
            for (; term < terms; ++term, w += outputs)
                for (int i = 0; i < outputs; ++i)
                    out[i] += x[term] * w[i];
        }
    }
}
//: product_of_few
/* The same for few outputs: sums along the terms, eight at a time; weights lie as [outputs][taps][terms]. */
static void product_of_few(int rows, int outputs, int taps, int terms, const float *restrict in, int row_step,
                           int tap_step, const float *restrict weights, const float *restrict bias,
                           float *restrict out, int out_step)
{
    for (int row = 0; row < rows; ++row, in += row_step, out += out_step) {
        const float *restrict w = weights;
        for (int i = 0; i < outputs; ++i) {
            float sums[8] = {0.0f}, sum = bias[i];
            for (int tap = 0; tap < taps; ++tap, w += terms) {
                const float *restrict x = in + tap * tap_step;
                int term = 0;
                for (; term + 8 <= terms; term += 8)
                    for (int lane = 0; lane < 8; ++lane)
                        sums[lane] += x[term + lane] * w[term + lane];
                for (; term < terms; ++term)
                    sum += x[term] * w[term];
            }
            for (int lane = 0; lane < 8; ++lane)
                sum += sums[lane];
            out[i] = sum;
        }
    }
}
//: depthwise
/* Each channel with taps of its own; weights lie as [taps][channels]. */
static void depthwise(int rows, int channels, int taps, const float *restrict in, int row_step, int tap_step,
                      const float *restrict weights, const float *restrict bias, float *restrict out)
{
    for (int row = 0; row < rows; ++row, in += row_step, out += channels) {
        for (int i = 0; i < channels; ++i)
            out[i] = bias[i];
        for (int tap = 0; tap < taps; ++tap)
            for (int i = 0; i < channels; ++i)
                out[i] += in[tap * tap_step + i] * weights[tap * channels + i];
    }
}
//: gates
static float gate(float x)
{
    return 1.0f / (1.0f + expf(-x));
}
//: gru product gates
/* A GRU that applies the reset gate after the product; gates hold the inputs' share of update, reset and candidate. */
static void gru(int steps, int size, const float *restrict gates, int backward, const float *restrict weights,
                const float *restrict bias, float *restrict inner, float *restrict state, float *restrict all,
                int all_step)
{
    for (int step = 0; step < steps; ++step) {
        const int at = backward ? steps - 1 - step : step;
        const float *restrict g = gates + at * 3 * size;
        product(1, 3 * size, 1, size, state, 0, 0, weights, bias, inner, 0);
        for (int i = 0; i < size; ++i) {
            const float update = gate(g[i] + inner[i]), reset = gate(g[size + i] + inner[size + i]);
            const float candidate = tanhf(g[2 * size + i] + reset * inner[2 * size + i]);
            state[i] = candidate + update * (state[i] - candidate);
            all[at * all_step + i] = state[i];
        }
    }
}
//: gru_reset_first product gates
/* A GRU that applies the reset gate to the state before the product of the candidate. */
static void gru_reset_first(int steps, int size, const float *restrict gates, int backward,
                            const float *restrict gate_weights, const float *restrict candidate_weights,
                            float *restrict inner, float *restrict state, float *restrict all, int all_step)
{
    float *restrict reset_state = inner + 2 * size, *restrict candidates = inner + 3 * size;
    for (int step = 0; step < steps; ++step) {
        const int at = backward ? steps - 1 - step : step;
        const float *restrict g = gates + at * 3 * size;
        product(1, 2 * size, 1, size, state, 0, 0, gate_weights, g, inner, 0);
        for (int i = 0; i < size; ++i)
            reset_state[i] = state[i] * gate(inner[size + i]);
        product(1, size, 1, size, reset_state, 0, 0, candidate_weights, g + 2 * size, candidates, 0);
        for (int i = 0; i < size; ++i) {
            const float update = gate(inner[i]), candidate = tanhf(candidates[i]);
            state[i] = candidate + update * (state[i] - candidate);
            all[at * all_step + i] = state[i];
        }
    }
}
