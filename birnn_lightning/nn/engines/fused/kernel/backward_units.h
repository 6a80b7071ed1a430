/* From the gradients of states to those of the sums of the gates, for a group of rows: the cells backward.
   They are kept for a block of tokens; then, while they are near, `flush` makes those of inputs and weights
   out of them. */

typedef struct {
    const Batch *batch;
    const Backward *to;
    const Forward *of;
    const REAL *state_weights, *input_weights; /* as `pack_backward` has them */
    int64_t rows, units, padded;
    int64_t row[MAX_TASK_ROWS];
    REAL *h, *c;             /* gradients of the state, (rows, padded) */
    REAL *seen;              /* reset_before: the gradient of what the candidate saw */
    REAL *bias;              /* (gate blocks, padded) */
    REAL *weight_ih, *weight_hh; /* as `Backward` has them */
    int64_t start, count;    /* of the block: its first entry of this step, and all its entries */
    int64_t entry_row[BLOCK_TOKENS], token[BLOCK_TOKENS], place[BLOCK_TOKENS];
    REAL *gates;             /* (BLOCK_TOKENS, width): gate blocks of a token, padded */
    int64_t width;           /* a vector more than the blocks have, so that tokens share no cache lines */
    REAL *gate_pairs;        /* of bfloat16: (BLOCK_TOKENS, pair_width), the same rounded */
    int64_t pair_width;
    REAL *left;              /* what weights were multiplied with: see `left_at` */
    int flushed;             /* whether the weights' gradients have been begun */
} NAME(BackwardTask);

/* Gate block number `block` of an entry, as the products take it. */
INLINE const REAL *NAME(gates_of)(const NAME(BackwardTask) *task, int64_t entry, int block)
{
    if (NAME(in_pairs)(task->of))
        return task->gate_pairs + entry * task->pair_width + block * task->padded / 2;
    return task->gates + entry * task->width + block * task->padded;
}

/* Numbers that `left` has of an entry. */
INLINE int64_t NAME(left_width)(const Forward *of)
{
    const int64_t size = larger_of(of->input_size, of->hidden_size);
    return NAME(panels_of_one_gate)(vectors_of(size, LANES)) * COLUMNS * LANES;
}

/* What weights were multiplied with at an entry, as panels: [panel][BLOCK_TOKENS][COLUMNS][lane]. */
INLINE REAL *NAME(left_at)(const NAME(BackwardTask) *task, int64_t panel, int64_t entry)
{
    return task->left + (panel * BLOCK_TOKENS + entry) * COLUMNS * LANES;
}

/* The gradients of one gate's sums of a group of rows: written, and added to the bias's. */
INLINE void NAME(give)(const NAME(BackwardTask) *task, int64_t index, int rows, int block, int64_t unit,
                       const Vector *gradient)
{
    REAL *to = task->gates + (task->start + index) * task->width + block * task->padded + unit;
    const int64_t count = task->of->hidden_size - unit, width = task->width;
    REAL *bias = task->bias + block * task->padded + unit;
    Vector sum = NAME(load)(bias);
    EACH_ROW(const Vector one = count < LANES ? NAME(first_lanes)(gradient[v], count) : gradient[v];
             NAME(store)(to + v * width, one);
             sum += one)
    NAME(store)(bias, sum);
}

/* The gradient of the state after a step, of a group of rows. */
INLINE void NAME(take_state_gradient)(const NAME(BackwardTask) *task, int64_t index, int rows,
                                      int64_t unit, Vector *dh)
{
    const REAL *outputs = task->to->outputs, *h = task->h + index * task->padded + unit;
    const int64_t stride = task->of->output_stride, hidden = task->of->hidden_size;
    EACH(dh[v] = NAME(load)(h + SOME_ROW * task->padded))
    if (outputs)
        EACH(dh[v] += NAME(load_some)(
                 outputs + task->place[task->start + index + SOME_ROW] * stride + unit,
                 hidden - unit))
}

/* Kept value number `value` of a unit, of a group of rows. */
INLINE void NAME(take_kept)(const NAME(BackwardTask) *task, int64_t index, int rows, int value,
                            int64_t unit, Vector *kept)
{
    const int64_t *token = task->token + task->start + index;
    EACH(kept[v] = NAME(load)(NAME(saved_at)(task->of->cell, task->of, task->padded, token[SOME_ROW],
                                             value, unit)))
}

/* The state before a step, of a group of rows. */
INLINE void NAME(take_previous)(const NAME(BackwardTask) *task, int64_t index, int rows, int64_t unit,
                                Vector *previous)
{
    const REAL *from = (const REAL *)task->of->previous + unit;
    EACH(previous[v] = NAME(load)(
             from + task->token[task->start + index + SOME_ROW] * task->padded))
}

/* The LSTM's memory before a step: that of the token before, or the initial one. */
INLINE Vector NAME(previous_memory)(const NAME(BackwardTask) *task, int64_t index, int64_t unit,
                                    int64_t step)
{
    const Forward *of = task->of;
    if (step == 0 && !of->initial_c) return NAME(all)(0);
    if (step == 0)
        return NAME(load_some)(
            (const REAL *)of->initial_c + task->row[index] * of->hidden_size + unit,
            of->hidden_size - unit);
    const int64_t token = task->token[task->start + index] + (of->reverse ? 1 : -1);
    return NAME(load)(NAME(saved_at)(LSTM, of, task->padded, token, 4, unit));
}

INLINE void NAME(lstm_gradient)(const NAME(BackwardTask) *task, int64_t index, int rows, int64_t unit,
                                int64_t step, const Vector *dh)
{
    const int64_t act = task->of->activation, gate = task->of->recurrent_activation;
    REAL *memory = task->c + index * task->padded + unit, *h = task->h + index * task->padded + unit;
    Vector kept[GROUP], slope[GROUP], dc[GROUP], gradient[GROUP], i[GROUP], i_slope[GROUP];
    NAME(take_kept)(task, index, rows, 4, unit, kept);
    Vector a[GROUP];
    EACH(a[v] = kept[v])
    NAME(activate)(act, a);
    EACH(a[v] = NAME(kept)(act, kept[v], a[v]))
    NAME(restore)(act, a, slope);
    NAME(take_kept)(task, index, rows, 3, unit, kept);
    Vector o_slope[GROUP];
    NAME(restore)(gate, kept, o_slope);
    EACH(dc[v] = NAME(load)(memory + SOME_ROW * task->padded) + dh[v] * kept[v] * slope[v])
    EACH(gradient[v] = dh[v] * a[v] * o_slope[v])
    NAME(give)(task, index, rows, 3, unit, gradient);
    NAME(take_kept)(task, index, rows, 0, unit, i);
    NAME(restore)(gate, i, i_slope);
    NAME(take_kept)(task, index, rows, 2, unit, kept);
    NAME(restore)(act, kept, slope);
    EACH(gradient[v] = dc[v] * kept[v] * i_slope[v])
    NAME(give)(task, index, rows, 0, unit, gradient);
    EACH(gradient[v] = dc[v] * i[v] * slope[v])
    NAME(give)(task, index, rows, 2, unit, gradient);
    NAME(take_kept)(task, index, rows, 1, unit, kept);
    NAME(restore)(gate, kept, slope);
    EACH(gradient[v] = dc[v] * slope[v] *
                       NAME(previous_memory)(task, index + SOME_ROW, unit, step))
    NAME(give)(task, index, rows, 1, unit, gradient);
    EACH_ROW(NAME(store)(memory + v * task->padded, dc[v] * kept[v]);
             NAME(store)(h + v * task->padded, (Vector){0}))
}

INLINE void NAME(gru_gradient)(const int cell, const NAME(BackwardTask) *task, int64_t index, int rows,
                               int64_t unit, const Vector *dh)
{
    const int64_t act = task->of->activation, gate = task->of->recurrent_activation;
    REAL *h = task->h + index * task->padded + unit;
    Vector z[GROUP], z_slope[GROUP], n[GROUP], n_slope[GROUP], previous[GROUP];
    Vector dn[GROUP], gradient[GROUP];
    NAME(take_kept)(task, index, rows, 1, unit, z);
    NAME(restore)(gate, z, z_slope);
    NAME(take_kept)(task, index, rows, 2, unit, n);
    NAME(restore)(act, n, n_slope);
    NAME(take_previous)(task, index, rows, unit, previous);
    EACH(dn[v] = dh[v] * (1 - z[v]) * n_slope[v])
    NAME(give)(task, index, rows, 0, unit, dn);
    EACH(gradient[v] = dh[v] * (previous[v] - n[v]) * z_slope[v])
    NAME(give)(task, index, rows, 2, unit, gradient);
    EACH_ROW(NAME(store)(h + v * task->padded, dh[v] * z[v]))
    if (cell == GRU_RESET_AFTER) {
        Vector r[GROUP], r_slope[GROUP], seen[GROUP];
        NAME(take_kept)(task, index, rows, 0, unit, r);
        NAME(restore)(gate, r, r_slope);
        NAME(take_kept)(task, index, rows, 3, unit, seen);
        EACH(gradient[v] = dn[v] * seen[v] * r_slope[v])
        NAME(give)(task, index, rows, 1, unit, gradient);
        EACH(gradient[v] = dn[v] * r[v])
        NAME(give)(task, index, rows, 3, unit, gradient);
    }
}

INLINE void NAME(rnn_gradient)(const NAME(BackwardTask) *task, int64_t index, int rows, int64_t unit,
                               const Vector *dh)
{
    REAL *h = task->h + index * task->padded + unit;
    Vector kept[GROUP], gradient[GROUP];
    NAME(take_kept)(task, index, rows, 0, unit, kept);
    NAME(restore)(task->of->activation, kept, gradient);
    EACH(gradient[v] *= dh[v])
    NAME(give)(task, index, rows, 0, unit, gradient);
    EACH_ROW(NAME(store)(h + v * task->padded, (Vector){0}))
}

/* From the gradient of what the candidate saw, (r h) with its dropout, to those of r and of h. */
INLINE void NAME(reset_gradient)(const NAME(BackwardTask) *task, int64_t index, int rows, int64_t unit)
{
    const Forward *of = task->of;
    const int64_t hidden = of->hidden_size, at = index * task->padded + unit;
    Vector r[GROUP], slope[GROUP], previous[GROUP], seen[GROUP], gradient[GROUP];
    EACH(seen[v] = NAME(load)(task->seen + at + SOME_ROW * task->padded))
    if (of->factor) {
        const REAL *factor = (const REAL *)of->factor + CANDIDATE * hidden + unit;
        EACH(seen[v] *= NAME(load_some)(
                 factor + task->row[index + SOME_ROW] * 3 * hidden, hidden - unit))
    }
    NAME(take_kept)(task, index, rows, 0, unit, r);
    NAME(restore)(of->recurrent_activation, r, slope);
    NAME(take_previous)(task, index, rows, unit, previous);
    EACH(gradient[v] = seen[v] * previous[v] * slope[v])
    NAME(give)(task, index, rows, 1, unit, gradient);
    EACH_ROW(REAL *h = task->h + at + v * task->padded;
             NAME(store)(h, NAME(load)(h) + seen[v] * r[v]))
}
