/* What a step makes of the sums of its gates, for a group of rows: the cells forward. */

typedef struct {
    const Batch *batch;
    const Forward *of;
    const NAME(Packed) *packed;
    int64_t rows, padded;
    int64_t row[MAX_TASK_ROWS], token[MAX_TASK_ROWS], place[MAX_TASK_ROWS];
    REAL *h, *next, *c;
    REAL *dropped;           /* what the gates see of the state where some of it is dropped */
    REAL *reset, *update;    /* reset_before: the state that the candidate sees, and z */
    REAL *candidate;         /* reset_before: what the inputs give to n */
    REAL *input_pairs, *state_pairs; /* of bfloat16: what the products multiply with, row by row */
    REAL *ahead;             /* (MAX_TASK_ROWS, gates, padded): sums of whole steps so far, or NULL */
    int64_t ahead_entry, ahead_count; /* of `ahead`: the first of this step, and how many there are */
} NAME(Task);

/* What enters at a place. */
INLINE const REAL *NAME(input_at)(const Forward *of, int64_t place)
{
    return (const REAL *)of->inputs + (of->tokens ? of->tokens[place] : place) * of->input_size;
}

/* Where number `value` of a token's saved values stands for the units from `unit` on. */
INLINE REAL *NAME(saved_at)(const int64_t cell, const Forward *of, int64_t padded, int64_t token,
                            int value, int64_t unit)
{
    const int together = SAVED_TOGETHER[cell];
    const int64_t place = value < together ? unit * together + value * LANES : value * padded + unit;
    return (REAL *)of->saved + token * SAVED[cell] * padded + place;
}

/* Saves a value of a row's units for the backward pass, if there will be one. */
INLINE void NAME(save)(const int cell, const NAME(Task) *task, int64_t index, int value, int64_t unit,
                       Vector kept)
{
    if (!task->of->saved) return;
    REAL *to = NAME(saved_at)(cell, task->of, task->padded, task->token[index], value, unit);
    if (value < SAVED_TOGETHER[cell] || VECTOR_BYTES >= LINE_BYTES)
        NAME(stream)(to, kept);
    else
        NAME(store)(to, kept);
}

/* The new state of a row's units. */
INLINE void NAME(emit)(const NAME(Task) *task, int64_t index, int64_t unit, Vector h)
{
    NAME(store)(task->next + index * task->padded + unit, h);
}

/* One column of the sums of a group of rows; past the last row there is some row again. */
INLINE void NAME(take)(Vector *x, const ROW_SUMS *sums, int rows, int column)
{
    EACH(x[v] = sums[SOME_ROW][column])
}

/* h' = act(x W + b + h U) */
INLINE void NAME(rnn_units)(const NAME(Task) *task, int64_t index, int rows, int64_t unit,
                            const ROW_SUMS *sums, int columns)
{
    const int64_t act = task->of->activation;
    for (int column = 0; column < columns; column++, unit += LANES) {
        Vector h[GROUP];
        NAME(take)(h, sums, rows, column);
        NAME(activate)(act, h);
        EACH_ROW(
            NAME(save)(RNN, task, index + v, 0, unit, NAME(kept)(act, sums[v][column], h[v]));
            NAME(emit)(task, index + v, unit, h[v]);)
    }
}

/* c' = f c + i g, h' = o act(c') */
INLINE void NAME(lstm_units)(const NAME(Task) *task, int64_t index, int rows, int64_t unit,
                             const ROW_SUMS *sums)
{
    const int64_t act = task->of->activation, gate = task->of->recurrent_activation;
    const int64_t padded = task->padded;
    Vector i[GROUP], f[GROUP], g[GROUP], o[GROUP], c[GROUP] = {0};
    NAME(take)(i, sums, rows, 0);
    NAME(activate)(gate, i);
    NAME(take)(f, sums, rows, 1);
    NAME(activate)(gate, f);
    NAME(take)(g, sums, rows, 2);
    NAME(activate)(act, g);
    NAME(take)(o, sums, rows, 3);
    NAME(activate)(gate, o);
    EACH_ROW(
        REAL *memory = task->c + (index + v) * padded + unit;
        c[v] = f[v] * NAME(load)(memory) + i[v] * g[v];
        NAME(store)(memory, c[v]);
        NAME(save)(LSTM, task, index + v, 0, unit, NAME(kept)(gate, sums[v][0], i[v]));
        NAME(save)(LSTM, task, index + v, 1, unit, NAME(kept)(gate, sums[v][1], f[v]));
        NAME(save)(LSTM, task, index + v, 2, unit, NAME(kept)(act, sums[v][2], g[v]));
        NAME(save)(LSTM, task, index + v, 3, unit, NAME(kept)(gate, sums[v][3], o[v]));
        NAME(save)(LSTM, task, index + v, 4, unit, c[v]);)
    NAME(activate)(act, c);
    EACH_ROW(NAME(emit)(task, index + v, unit, o[v] * c[v]);)
}

/* n = act(n_x + r n_h), h' = z h + (1 - z) n */
INLINE void NAME(gru_units)(const NAME(Task) *task, int64_t index, int rows, int64_t unit,
                            const ROW_SUMS *sums)
{
    const int64_t act = task->of->activation, gate = task->of->recurrent_activation;
    const int64_t padded = task->padded;
    Vector r[GROUP], z[GROUP], n[GROUP];
    NAME(take)(r, sums, rows, 1);
    NAME(activate)(gate, r);
    NAME(take)(z, sums, rows, 2);
    NAME(activate)(gate, z);
    EACH(n[v] = sums[SOME_ROW][0] + r[v] * sums[SOME_ROW][3])
    Vector before[GROUP];
    EACH(before[v] = n[v])
    NAME(activate)(act, n);
    EACH_ROW(
        NAME(save)(GRU_RESET_AFTER, task, index + v, 0, unit, NAME(kept)(gate, sums[v][1], r[v]));
        NAME(save)(GRU_RESET_AFTER, task, index + v, 1, unit, NAME(kept)(gate, sums[v][2], z[v]));
        NAME(save)(GRU_RESET_AFTER, task, index + v, 2, unit, NAME(kept)(act, before[v], n[v]));
        NAME(save)(GRU_RESET_AFTER, task, index + v, 3, unit, sums[v][3]);
        const Vector h = NAME(load)(task->h + (index + v) * padded + unit);
        NAME(emit)(task, index + v, unit, z[v] * h + (1 - z[v]) * n[v]);)
}

/* What the candidate sees: r h, with its own dropout. */
INLINE void NAME(reset_units)(const NAME(Task) *task, int64_t index, int rows, int64_t unit,
                              const ROW_SUMS *sums)
{
    const int64_t gate = task->of->recurrent_activation, padded = task->padded;
    const int64_t hidden = task->of->hidden_size;
    Vector r[GROUP], z[GROUP];
    NAME(take)(r, sums, rows, 1);
    NAME(activate)(gate, r);
    NAME(take)(z, sums, rows, 2);
    NAME(activate)(gate, z);
    EACH_ROW(
        const int64_t at = (index + v) * padded + unit;
        Vector seen = r[v] * NAME(load)(task->h + at);
        const REAL *factor = task->of->factor;
        if (factor) {
            factor += (task->row[index + v] * 3 + CANDIDATE) * hidden + unit;
            seen *= NAME(load_some)(factor, hidden - unit);
        }
        NAME(store)(task->reset + at, seen);
        NAME(store)(task->update + at, z[v]);
        NAME(store)(task->candidate + at, sums[v][0]);
        NAME(save)(GRU_RESET_BEFORE, task, index + v, 0, unit, NAME(kept)(gate, sums[v][1], r[v]));
        NAME(save)(GRU_RESET_BEFORE, task, index + v, 1, unit, NAME(kept)(gate, sums[v][2], z[v]));
        NAME(save)(GRU_RESET_BEFORE, task, index + v, 3, unit, seen);)
}

/* n = act(n_x + (r h) U_n), h' = z h + (1 - z) n */
INLINE void NAME(candidate_units)(const NAME(Task) *task, int64_t index, int rows, int64_t unit,
                                  const ROW_SUMS *sums, int columns)
{
    const int64_t act = task->of->activation, padded = task->padded;
    for (int column = 0; column < columns; column++, unit += LANES) {
        Vector n[GROUP];
        NAME(take)(n, sums, rows, column);
        NAME(activate)(act, n);
        EACH_ROW(
            const int64_t at = (index + v) * padded + unit;
            NAME(save)(GRU_RESET_BEFORE, task, index + v, 2, unit,
                       NAME(kept)(act, sums[v][column], n[v]));
            const Vector z = NAME(load)(task->update + at);
            NAME(emit)(task, index + v, unit, z * NAME(load)(task->h + at) + (1 - z) * n[v]);)
    }
}
