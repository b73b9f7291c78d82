
#ifdef DENOISE_GATE_DB
static float per_hop(float db_per_s)
{
    return powf(10, db_per_s * DENOISE_HOP / @HZ@ / 10);
}

/* Follow the level of speech and the floor, and open or close the gate for the next hop. */
static void move_gate(denoise_state *state, const float *clean, float span)
{
    const float hop_s = DENOISE_HOP / @HZ@;
    float energy = 0, bound;
    for (int i = 1; i < DENOISE_WINDOW; ++i)
        energy += (clean[i] - clean[i - 1]) * (clean[i] - clean[i - 1]);
    energy = fminf(energy * (span * span / (DENOISE_WINDOW - 1)), 1e30f); /* no level becomes infinite */
    if (state->speech <= 0)
        state->speech = energy;
    if (state->floor <= 0)
        state->floor = energy;
    bound = fminf(state->floor * @FLOOR@, state->speech * @LEAST@);
    bound = fmaxf(bound, state->speech * @BELOW@);
    if (energy > bound)
        state->held = (int)ceil(@HOLD@ * @HZEXACT@ / DENOISE_HOP);
    else if (state->held > 0)
        --state->held;
    if (energy > state->speech)
        state->speech = fminf(energy, state->speech * per_hop(@RISE@));
    else
        state->speech *= per_hop(state->held > 0 ? -@FALL@ : -@FORGET@);
    state->floor *= per_hop(energy > state->floor ? @FLOORRISE@ : -@FLOORFALL@);
    state->floor = fmaxf(state->floor, state->speech * @LEASTFLOOR@);
    state->gain = state->held > 0 ? fminf(1, state->gain + hop_s / @OPENING@)
                                  : fmaxf(state->closed, state->gain - hop_s / @CLOSING@);
}
#endif
