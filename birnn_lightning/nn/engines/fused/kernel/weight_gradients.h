/* What a block of gate gradients gives to weights and inputs, all of its tokens at once. */

/* to (rows, columns) += the outer products of `count` tokens: `rows` of their gate gradients, times vectors of
   what weights were multiplied with. */
INLINE void NAME(outer)(const int rows, const int columns, int64_t count, const REAL *gates,
                        int64_t gates_width, const REAL *left, REAL *to, int64_t stride, int first)
{
    const REAL *factors[TILE_ROWS];
    Vector sum[TILE_ROWS][COLUMNS];
    UNROLL for (int row = 0; row < rows; row++) {
        factors[row] = gates + row;
        UNROLL for (int column = 0; column < columns; column++)
            sum[row][column] = first ? (Vector){0} : NAME(load)(to + row * stride + column * LANES);
    }
    UNROLL_SOME for (int64_t k = 0; k < count; k++)
        NAME(add_outer)(PLAIN, rows, columns, sum, factors, k * gates_width,
                        left + k * COLUMNS * LANES);
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int column = 0; column < columns; column++)
            NAME(store)(to + row * stride + column * LANES, sum[row][column]);
}

#define OUTER(rows, columns)                                                                        \
    static NEVER_INLINE void NAME(outer_##rows##_##columns)(                                        \
        int64_t count, const REAL *gates, int64_t gates_width, const REAL *left, REAL *to,          \
        int64_t stride, int first)                                                                  \
    {                                                                                               \
        NAME(outer)(FITTING(rows, columns), columns, count, gates, gates_width, left, to, stride,   \
                    first);                                                                         \
    }
#define OUTER_ROWS(rows) OUTER(rows, 1) OUTER(rows, 2) OUTER(rows, 3) OUTER(rows, 4)
EACH_TILE_ROWS(OUTER_ROWS)
typedef void (*NAME(Outer))(int64_t, const REAL *, int64_t, const REAL *, REAL *, int64_t, int);
#define OUTERS(rows)                                                                                \
    {NAME(outer_##rows##_1), NAME(outer_##rows##_2), NAME(outer_##rows##_3), NAME(outer_##rows##_4)},
static const NAME(Outer) NAME(OUTERS)[TILE_ROWS][COLUMNS] = {EACH_TILE_ROWS(OUTERS)};

/* The outer products of `count` entries, from `start` on, of a few units' gate gradients and `left`: to those
   units' rows of weights, `vectors` long. What the next tile adds to is asked for. */
static void NAME(outer_rows)(const NAME(BackwardTask) *task, int64_t start, int64_t count,
                             const REAL *gates, int64_t gates_width, int64_t units, int64_t vectors,
                             REAL *to)
{
    const int64_t stride = vectors * LANES;
    for (int64_t panel = 0; panel < NAME(panels_of_one_gate)(vectors); panel++) {
        const int columns = NAME(panel_columns)(vectors, panel);
        const REAL *left = NAME(left_at)(task, panel, start);
        REAL *at = to + panel * COLUMNS * LANES;
        int rows;
        for (int64_t row = 0; row < units; row += rows) {
            rows = tile_rows(units - row, most_rows(columns));
            for (int64_t next = row + rows; next < units && next < row + 2 * rows; next++)
                prefetch(at + next * stride, columns * VECTOR_BYTES);
            NAME(OUTERS)[rows - 1][columns - 1](count, gates + row, gates_width, left,
                                                at + row * stride, stride,
                                                !task->flushed && !start);
        }
    }
}

/* The outer products of gate block number `block` and `left`, of which `size` numbers are used: to the weights
   of one gate, (hidden, size in whole vectors). Gate gradients that lie pages apart are brought together. */
static void NAME(outer_products)(const NAME(BackwardTask) *task, int block, int64_t size, REAL *to)
{
    enum { TOKENS = NEAR_BYTES / (COLUMNS * VECTOR_BYTES), UNITS = COLUMNS * LANES };
    const int64_t hidden = task->of->hidden_size, vectors = vectors_of(size, LANES);
    const int apart = task->width * (int64_t)sizeof(REAL) > PAGE_BYTES;
    Vector near[TOKENS * COLUMNS];
    int64_t start = 0;
    do {
        const int64_t count = smaller_of(task->count - start, TOKENS);
        for (int64_t unit = 0; unit < hidden; unit += UNITS) {
            const REAL *gates = task->gates + start * task->width + block * task->padded + unit;
            const int columns = NAME(panel_columns)(task->units, unit / UNITS);
            int64_t gates_width = task->width;
            if (apart) {
                for (int64_t k = 0; k < count; k++)
                    for (int column = 0; column < columns; column++)
                        near[k * COLUMNS + column] =
                            NAME(load)(gates + k * gates_width + column * LANES);
                gates = (const REAL *)near;
                gates_width = UNITS;
            }
            NAME(outer_rows)(task, start, count, gates, gates_width, smaller_of(hidden - unit, UNITS),
                             vectors, to + unit * vectors * LANES);
        }
        start += TOKENS;
    } while (start < task->count);
}

/* What weights were multiplied with at entry `k`, times factors where there are any: in the panels of
   `left_at`, with zeros after the last number. */
INLINE void NAME(put_left)(const NAME(BackwardTask) *task, int64_t k, const REAL *from,
                           const REAL *factor, int64_t size)
{
    for (int64_t at = 0; at < size; at += LANES) {
        Vector value = NAME(load_some)(from + at, size - at);
        if (factor) value *= NAME(load_some)(factor + at, size - at);
        NAME(store)(NAME(left_at)(task, at / (COLUMNS * LANES), k) + at % (COLUMNS * LANES), value);
    }
}

/* The entry that is asked for while number `k` is put into the panels. */
INLINE int64_t NAME(entry_ahead)(const NAME(BackwardTask) *task, int64_t k)
{
    enum { ENTRIES_AHEAD = 4 };
    return smaller_of(k + ENTRIES_AHEAD, task->count - 1);
}

/* What the recurrent weights of a gate saw at entry `k`: the state, or of GRU_RESET_BEFORE's candidate (r h). */
INLINE const REAL *NAME(seen_at)(const NAME(BackwardTask) *task, int candidate, int64_t k)
{
    const int64_t token = task->token[k];
    if (candidate) return NAME(saved_at)(GRU_RESET_BEFORE, task->of, task->padded, token, 3, 0);
    return (const REAL *)task->of->previous + token * task->padded;
}

/* The gradient of the recurrent weights: each gate's, times what it saw of the state. */
static void NAME(state_weight_gradient)(const NAME(BackwardTask) *task)
{
    const Forward *of = task->of;
    const int64_t hidden = of->hidden_size;
    const int gates = GATES[of->cell], after = of->cell == GRU_RESET_AFTER;
    const int apart = of->factor || of->cell == GRU_RESET_BEFORE;
    for (int block = 0; block < gates; block++) {
        const int candidate = of->cell == GRU_RESET_BEFORE && block == 0;
        const int gate = state_gate_of(of->cell, block);
        for (int64_t k = 0; k < task->count && (apart || block == 0); k++) {
            const REAL *factor = candidate ? NULL : of->factor;
            if (factor) factor += (task->entry_row[k] * gates + gate) * hidden;
            prefetch(NAME(seen_at)(task, candidate, NAME(entry_ahead)(task, k)),
                     hidden * sizeof(REAL));
            NAME(put_left)(task, k, NAME(seen_at)(task, candidate, k), factor, hidden);
        }
        NAME(outer_products)(task, block + after, hidden,
                             task->weight_hh + gate * hidden * task->padded);
    }
}

/* The gradient of the input weights: each gate's, times the inputs. */
static void NAME(input_weight_gradient)(const NAME(BackwardTask) *task)
{
    const Forward *of = task->of;
    const int64_t size = of->input_size, rows = of->hidden_size * NAME(padded_size)(size);
    for (int64_t k = 0; k < task->count; k++) {
        const int64_t ahead = task->place[NAME(entry_ahead)(task, k)];
        prefetch(NAME(input_at)(of, ahead), size * sizeof(REAL));
        NAME(put_left)(task, k, NAME(input_at)(of, task->place[k]), NULL, size);
    }
    for (int block = 0; block < GATES[of->cell]; block++)
        NAME(outer_products)(task, block, size, task->weight_ih + INPUT_GATES[of->cell][block] * rows);
}

/* The gradient of the inputs of a block of tokens. */
static void NAME(input_gradient)(const NAME(BackwardTask) *task)
{
    const Forward *of = task->of;
    const int64_t size = of->input_size, depth = NAME(depth_of)(of, of->hidden_size);
    const int gates = GATES[of->cell];
    const int64_t vectors = vectors_of(size, LANES);
    for (int64_t panel = 0; panel < NAME(panels_of_one_gate)(vectors); panel++) {
        const int columns = NAME(panel_columns)(vectors, panel);
        const int64_t from = panel * COLUMNS * LANES, step = depth * columns * LANES;
        const REAL *weights = task->input_weights + from * gates * depth;
        for (int64_t first = 0; first < task->count; first += MAX_TASK_ROWS) {
            const int64_t rest = task->count - first;
            const int64_t rows = rest < MAX_TASK_ROWS ? rest : MAX_TASK_ROWS;
            ROW_SUMS sums[MAX_TASK_ROWS];
            memset(sums, 0, rows * sizeof(ROW_SUMS));
            for (int block = 0; block < gates; block++) {
                const REAL *a[MAX_TASK_ROWS];
                for (int64_t row = 0; row < rows; row++)
                    a[row] = NAME(gates_of)(task, first + row, block);
                NAME(add_product)(NAME(in_pairs)(of) ? PAIRS : PLAIN, rows, 0, columns, sums, a,
                                  weights + block * step, depth, NAME(weights_are_far)(of));
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
    if (task->weight_ih) NAME(input_weight_gradient)(task);
    if (task->to->inputs) NAME(input_gradient)(task);
    if (task->to->projected)
        for (int64_t k = 0; k < task->count; k++)
            memcpy((REAL *)task->to->projected + task->token[k] * gates * padded,
                   task->gates + k * task->width, gates * padded * sizeof(REAL));
    task->count = 0;
    task->flushed = 1;
}
