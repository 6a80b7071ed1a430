/* One direction backward, for a share of the rows. The gradients of the gates' sums are kept for a block of
   tokens; then, while they are near, `flush` makes those of inputs and weights out of them. */

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
    REAL *left;              /* (BLOCK_TOKENS, left_width): what a weight was multiplied with, token by token */
    int64_t left_width;
} NAME(BackwardTask);

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
    const int64_t stride = task->to->output_stride, hidden = task->of->hidden_size;
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
    const REAL *from = (const REAL *)task->of->saved + value * task->padded + unit;
    const int64_t stride = SAVED[task->of->cell] * task->padded;
    EACH(kept[v] = NAME(load)(from + task->token[task->start + index + SOME_ROW] * stride))
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
    if (step == 0)
        return NAME(load_some)(
            (const REAL *)of->initial_c + task->row[index] * of->hidden_size + unit,
            of->hidden_size - unit);
    const int64_t token = task->token[task->start + index] + (of->reverse ? 1 : -1);
    return NAME(load)((const REAL *)of->saved + (token * SAVED[LSTM] + 4) * task->padded + unit);
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

/* to += gradients of `count` gate blocks from `block` on, times their weights, for one panel of units;
   `packed` says where the first of these blocks stands among the packed ones. */
static void NAME(back_panel)(const NAME(BackwardTask) *task, int64_t rows, int64_t panel, int block,
                             int packed, int count, const REAL *factors, REAL *to)
{
    const Forward *of = task->of;
    const int64_t hidden = of->hidden_size, padded = task->padded;
    const int gates = GATES[of->cell], columns = NAME(panel_columns)(task->units, panel);
    const int64_t unit = panel * COLUMNS * LANES, step = hidden * columns * LANES;
    const REAL *weights = task->state_weights + unit * gates * hidden + packed * step;
    ROW_SUMS sums[MAX_TASK_ROWS];
    memset(sums, 0, rows * sizeof(ROW_SUMS));
    to += unit;
    for (int part = 0; part < count; part++) {
        const REAL *a[MAX_TASK_ROWS];
        for (int64_t row = 0; row < rows; row++)
            a[row] = task->gates + (task->start + row) * task->width + (block + part) * padded;
        NAME(add_product)(0, rows, 0, columns, sums, a, weights + part * step, hidden);
        if (!factors && part + 1 < count) continue;
        for (int64_t row = 0; row < rows; row++)
            for (int column = 0; column < columns; column++) {
                REAL *sum = to + row * padded + column * LANES;
                Vector kept = NAME(all)(1);
                if (factors)
                    kept = NAME(load_some)(
                        factors + (task->row[row] * gates + part) * hidden + unit + column * LANES,
                        hidden - unit - column * LANES);
                NAME(store)(sum, NAME(load)(sum) + sums[row][column] * kept);
                sums[row][column] = (Vector){0};
            }
    }
}

INLINE void NAME(back_product)(const NAME(BackwardTask) *task, int64_t active, int block, int packed,
                               int count, const REAL *factors, REAL *to)
{
    for (int64_t panel = 0; panel < NAME(panels_of_one_gate)(task->units); panel++)
        NAME(back_panel)(task, active, panel, block, packed, count, factors, to);
}

/* to (rows, columns) += the outer products of `count` tokens: `rows` numbers of `left`, times vectors of
   their gate gradients. */
INLINE void NAME(outer)(const int rows, const int columns, int64_t count, const REAL *left,
                        int64_t left_width, const REAL *gates, int64_t width, REAL *to, int64_t stride)
{
    Vector sum[TILE_ROWS][COLUMNS];
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int column = 0; column < columns; column++)
            sum[row][column] = NAME(load)(to + row * stride + column * LANES);
    for (int64_t k = 0; k < count; k++, gates += width, left += left_width) {
        Vector gradient[COLUMNS];
        UNROLL for (int column = 0; column < columns; column++)
            gradient[column] = NAME(load)(gates + column * LANES);
        UNROLL for (int row = 0; row < rows; row++) {
            const Vector value = NAME(all)(left[row]);
            UNROLL for (int column = 0; column < columns; column++)
                sum[row][column] += value * gradient[column];
        }
    }
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int column = 0; column < columns; column++)
            NAME(store)(to + row * stride + column * LANES, sum[row][column]);
}

#define OUTER(rows, columns)                                                                        \
    static NEVER_INLINE void NAME(outer_##rows##_##columns)(                                        \
        int64_t count, const REAL *left, int64_t left_width, const REAL *gates, int64_t width,      \
        REAL *to, int64_t stride)                                                                   \
    {                                                                                               \
        NAME(outer)(rows, columns, count, left, left_width, gates, width, to, stride);              \
    }
#define OUTER_ROWS(rows) OUTER(rows, 1) OUTER(rows, 2) OUTER(rows, 3) OUTER(rows, 4)
EACH_TILE_ROWS(OUTER_ROWS)
typedef void (*NAME(Outer))(
    int64_t, const REAL *, int64_t, const REAL *, int64_t, REAL *, int64_t);
#define OUTERS(rows)                                                                                \
    {NAME(outer_##rows##_1), NAME(outer_##rows##_2), NAME(outer_##rows##_3), NAME(outer_##rows##_4)},
static const NAME(Outer) NAME(OUTERS)[TILE_ROWS][COLUMNS] = {EACH_TILE_ROWS(OUTERS)};

/* The outer products of `left` (count, n) and `blocks` gate blocks from `block` on; `to` (n, gates, padded)
   takes them from its block number `at` on. */
static void NAME(outer_products)(const NAME(BackwardTask) *task, int64_t n, int block, int blocks,
                                 int at, REAL *to)
{
    const int64_t stride = GATES[task->of->cell] * task->padded, vectors = blocks * task->units;
    for (int64_t vector = 0; vector < vectors; vector += COLUMNS) {
        const int columns = vectors - vector < COLUMNS ? (int)(vectors - vector) : COLUMNS;
        REAL *column = to + at * task->padded + vector * LANES;
        for (int64_t start = 0; start < task->count; start += DEPTH) {
            const int64_t count = task->count - start < DEPTH ? task->count - start : DEPTH;
            const REAL *gates = task->gates + start * task->width + block * task->padded + vector * LANES;
            int rows;
            for (int64_t first = 0; first < n; first += rows) {
                rows = tile_rows(n, first);
                NAME(OUTERS)[rows - 1][columns - 1](
                    count, task->left + start * task->left_width + first, task->left_width, gates,
                    task->width, column + first * stride, stride);
            }
        }
    }
}

/* The gradient of the recurrent weights: each gate's, times what it saw of the state. */
static void NAME(state_weight_gradient)(const NAME(BackwardTask) *task)
{
    const Forward *of = task->of;
    const int64_t hidden = of->hidden_size, padded = task->padded;
    const int gates = GATES[of->cell], after = of->cell == GRU_RESET_AFTER;
    const int apart = of->factor || of->cell == GRU_RESET_BEFORE;
    for (int gate = 0; gate < (apart ? gates : 1); gate++) {
        const int candidate = of->cell == GRU_RESET_BEFORE && gate == 0;
        const int number = after ? gate : INPUT_GATES[of->cell][gate];
        for (int64_t k = 0; k < task->count; k++) {
            const int64_t token = task->token[k];
            const REAL *seen = (const REAL *)of->previous + token * padded;
            REAL *to = task->left + k * task->left_width;
            if (candidate) seen = (const REAL *)of->saved + (token * SAVED[of->cell] + 3) * padded;
            memcpy(to, seen, hidden * sizeof(REAL));
            if (candidate || !of->factor) continue;
            const REAL *factor = (const REAL *)of->factor;
            factor += (task->entry_row[k] * gates + number) * hidden;
            for (int64_t unit = 0; unit < hidden; unit++) to[unit] *= factor[unit];
        }
        NAME(outer_products)(task, hidden, gate + after, apart ? 1 : gates, gate, task->weight_hh);
    }
}

/* The gradient of the inputs of a block of tokens. */
static void NAME(input_gradient)(const NAME(BackwardTask) *task)
{
    const Forward *of = task->of;
    const int64_t size = of->input_size, hidden = of->hidden_size;
    const int gates = GATES[of->cell];
    const int64_t vectors = vectors_of(size, LANES);
    for (int64_t panel = 0; panel < NAME(panels_of_one_gate)(vectors); panel++) {
        const int columns = NAME(panel_columns)(vectors, panel);
        const int64_t from = panel * COLUMNS * LANES, step = hidden * columns * LANES;
        const REAL *weights = task->input_weights + from * gates * hidden;
        for (int64_t first = 0; first < task->count; first += MAX_TASK_ROWS) {
            const int64_t rest = task->count - first;
            const int64_t rows = rest < MAX_TASK_ROWS ? rest : MAX_TASK_ROWS;
            ROW_SUMS sums[MAX_TASK_ROWS];
            memset(sums, 0, rows * sizeof(ROW_SUMS));
            for (int block = 0; block < gates; block++) {
                const REAL *a[MAX_TASK_ROWS];
                for (int64_t row = 0; row < rows; row++)
                    a[row] = task->gates + (first + row) * task->width + block * task->padded;
                NAME(add_product)(0, rows, 0, columns, sums, a, weights + block * step, hidden);
            }
            for (int64_t row = 0; row < rows; row++) {
                REAL *to = (REAL *)task->to->inputs + task->place[first + row] * size + from;
                for (int column = 0; column < columns; column++)
                    NAME(stream_some)(to + column * LANES, sums[row][column],
                                      size - from - column * LANES);
            }
        }
    }
}

/* What a full block of gate gradients gives to inputs and weights. */
static void NAME(flush)(NAME(BackwardTask) *task)
{
    const Forward *of = task->of;
    const int64_t padded = task->padded;
    const int gates = GATES[of->cell];
    if (task->weight_hh) NAME(state_weight_gradient)(task);
    if (task->weight_ih) {
        for (int64_t k = 0; k < task->count; k++)
            memcpy(task->left + k * task->left_width,
                   (const REAL *)of->inputs + task->place[k] * of->input_stride,
                   of->input_size * sizeof(REAL));
        NAME(outer_products)(task, of->input_size, 0, gates, 0, task->weight_ih);
    }
    if (task->to->inputs) NAME(input_gradient)(task);
    if (task->to->projected)
        for (int64_t k = 0; k < task->count; k++)
            memcpy((REAL *)task->to->projected + task->token[k] * gates * padded,
                   task->gates + k * task->width, gates * padded * sizeof(REAL));
    task->count = 0;
}

/* Asks for what the next step will read of a token. */
INLINE void NAME(prefetch_step)(const NAME(BackwardTask) *task, int64_t token)
{
    const Forward *of = task->of;
    const int64_t kept = SAVED[of->cell] * task->padded;
    prefetch((const REAL *)of->saved + token * kept, kept * sizeof(REAL));
    if (of->cell != RNN && of->cell != LSTM)
        prefetch((const REAL *)of->previous + token * task->padded, task->padded * sizeof(REAL));
    if (task->to->outputs)
        prefetch((const REAL *)task->to->outputs +
                     place_of(task->batch, token) * task->to->output_stride,
                 of->hidden_size * sizeof(REAL));
}

INLINE void NAME(backward_steps)(const int cell, NAME(BackwardTask) *task)
{
    const Batch *batch = task->batch;
    const Forward *of = task->of;
    const int64_t hidden = of->hidden_size, padded = task->padded;
    const REAL *factor = of->factor;
    int64_t active = 0;
    for (int64_t step = task->rows ? row_length(batch, task->row[0]) : 0; step--;) {
        while (active < task->rows && row_length(batch, task->row[active]) > step) active++;
        task->start = task->count;
        if (task->start + active > BLOCK_TOKENS) {
            NAME(flush)(task);
            task->start = 0;
        }
        task->count = task->start + active;
        for (int64_t index = 0; index < active; index++) {
            const int64_t entry = task->start + index, row = task->row[index];
            task->entry_row[entry] = row;
            task->token[entry] = token_at(batch, row, step, of->reverse);
            task->place[entry] = place_of(batch, task->token[entry]);
            if (step) NAME(prefetch_step)(task, token_at(batch, row, step - 1, of->reverse));
        }
        for (int64_t index = 0; index < active; index += GROUP) {
            const int rows = group_rows(active, index);
            for (int64_t unit = 0; unit < hidden; unit += LANES) {
                Vector dh[GROUP];
                NAME(take_state_gradient)(task, index, rows, unit, dh);
                if (cell == RNN)
                    NAME(rnn_gradient)(task, index, rows, unit, dh);
                else if (cell == LSTM)
                    NAME(lstm_gradient)(task, index, rows, unit, step, dh);
                else
                    NAME(gru_gradient)(cell, task, index, rows, unit, dh);
            }
        }
        if (cell == RNN)
            NAME(back_product)(task, active, 0, 0, 1, factor, task->h);
        else if (cell == LSTM)
            NAME(back_product)(task, active, 0, 0, 4, factor, task->h);
        else if (cell == GRU_RESET_AFTER)
            NAME(back_product)(task, active, 1, 0, 3, factor, task->h);
        else {
            memset(task->seen, 0, active * padded * sizeof(REAL));
            NAME(back_product)(task, active, 0, 0, 1, NULL, task->seen);
            for (int64_t index = 0; index < active; index += GROUP)
                for (int64_t unit = 0; unit < hidden; unit += LANES)
                    NAME(reset_gradient)(task, index, group_rows(active, index), unit);
            NAME(back_product)(task, active, 1, 1, 2, factor, task->h);
        }
    }
    NAME(flush)(task);
}

static void NAME(copy_state)(REAL *to, int64_t to_stride, const REAL *from, int64_t from_stride,
                             int64_t to_row, int64_t from_row, int64_t hidden)
{
    if (from && to)
        memcpy(to + to_row * to_stride, from + from_row * from_stride, hidden * sizeof(REAL));
}

/* Runs a share of the rows back, as task number `chunk`. `workspace` is as large as `backward_workspace`
   says. */
static void NAME(backward_task)(const Batch *batch, const Backward *to, const REAL *state_weights,
                                const REAL *input_weights, Share share, REAL *workspace)
{
    const Forward *of = to->of;
    const int64_t hidden = of->hidden_size, units = vectors_of(hidden, LANES);
    const int64_t padded = units * LANES, rows = share_size(batch, share), chunk = share.first;
    const int64_t width = GATES[of->cell] * padded, blocks = GATE_BLOCKS[of->cell];
    NAME(BackwardTask) task = {.batch = batch, .to = to, .of = of, .state_weights = state_weights,
                               .input_weights = input_weights, .rows = rows, .units = units,
                               .padded = padded};
    task.h = workspace;
    task.c = task.h + rows * padded;
    task.seen = task.c + rows * padded;
    task.gates = task.seen + rows * padded;
    task.width = blocks * padded + LANES;
    task.left = task.gates + BLOCK_TOKENS * task.width;
    task.left_width = larger_of(of->input_size, hidden) + LANES;
    task.bias = (REAL *)to->bias + chunk * blocks * padded;
    memset(workspace, 0, 2 * rows * padded * sizeof(REAL));
    memset(task.bias, 0, blocks * padded * sizeof(REAL));
    if (to->weight_ih) {
        task.weight_ih = (REAL *)to->weight_ih + chunk * of->input_size * width;
        memset(task.weight_ih, 0, of->input_size * width * sizeof(REAL));
    }
    if (to->weight_hh) {
        task.weight_hh = (REAL *)to->weight_hh + chunk * hidden * width;
        memset(task.weight_hh, 0, hidden * width * sizeof(REAL));
    }
    for (int64_t index = 0; index < rows; index++) {
        task.row[index] = share_row(batch, share, index);
        NAME(copy_state)(task.h, padded, to->final_h, hidden, index, task.row[index], hidden);
        NAME(copy_state)(task.c, padded, to->final_c, hidden, index, task.row[index], hidden);
    }
    switch (of->cell) {
    case RNN: NAME(backward_steps)(RNN, &task); break;
    case LSTM: NAME(backward_steps)(LSTM, &task); break;
    case GRU_RESET_AFTER: NAME(backward_steps)(GRU_RESET_AFTER, &task); break;
    default: NAME(backward_steps)(GRU_RESET_BEFORE, &task); break;
    }
    for (int64_t index = 0; index < rows; index++) {
        NAME(copy_state)(to->initial_h, hidden, task.h, padded, task.row[index], index, hidden);
        if (of->cell == LSTM)
            NAME(copy_state)(to->initial_c, hidden, task.c, padded, task.row[index], index, hidden);
    }
}

/* Numbers of REAL that `backward_task` needs for a share of `rows`. */
static int64_t NAME(backward_workspace)(const Forward *of, int64_t rows, int64_t padded)
{
    const int64_t left = larger_of(of->input_size, of->hidden_size) + LANES;
    return 3 * rows * padded + BLOCK_TOKENS * (GATE_BLOCKS[of->cell] * padded + LANES + left);
}
