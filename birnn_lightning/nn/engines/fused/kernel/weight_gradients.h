/* What a block of gate gradients gives to weights and inputs, all of its tokens at once. */

/* to (rows, columns) += the outer products of `count` tokens: `rows` numbers of `left`, times vectors of
   their gate gradients. */
INLINE void NAME(outer)(const int rows, const int columns, int64_t count, const REAL *left,
                        int64_t left_width, const REAL *gates, int64_t width, REAL *to, int64_t stride)
{
    const REAL *factors[TILE_ROWS];
    Vector sum[TILE_ROWS][COLUMNS];
    UNROLL for (int row = 0; row < rows; row++) {
        factors[row] = left + row;
        UNROLL for (int column = 0; column < columns; column++)
            sum[row][column] = NAME(load)(to + row * stride + column * LANES);
    }
    UNROLL_SOME for (int64_t k = 0; k < count; k++)
        NAME(add_outer)(PLAIN, rows, columns, sum, factors, k * left_width, gates + k * width);
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int column = 0; column < columns; column++)
            NAME(store)(to + row * stride + column * LANES, sum[row][column]);
}

#define OUTER(rows, columns)                                                                        \
    static NEVER_INLINE void NAME(outer_##rows##_##columns)(                                        \
        int64_t count, const REAL *left, int64_t left_width, const REAL *gates, int64_t width,      \
        REAL *to, int64_t stride)                                                                   \
    {                                                                                               \
        NAME(outer)(FITTING(rows, columns), columns, count, left, left_width, gates, width, to,     \
                    stride);                                                                        \
    }
#define OUTER_ROWS(rows) OUTER(rows, 1) OUTER(rows, 2) OUTER(rows, 3) OUTER(rows, 4)
EACH_TILE_ROWS(OUTER_ROWS)
typedef void (*NAME(Outer))(
    int64_t, const REAL *, int64_t, const REAL *, int64_t, REAL *, int64_t);
#define OUTERS(rows)                                                                                \
    {NAME(outer_##rows##_1), NAME(outer_##rows##_2), NAME(outer_##rows##_3), NAME(outer_##rows##_4)},
static const NAME(Outer) NAME(OUTERS)[TILE_ROWS][COLUMNS] = {EACH_TILE_ROWS(OUTERS)};

/* The outer products of `left` (count, n) and `blocks` gate blocks from `block` on; `to` (n, gates, padded)
   takes them from its block number `at` on. Gate gradients that are multiplied with all of `left` are brought
   together first, and what the next tile adds to is asked for. */
static void NAME(outer_products)(const NAME(BackwardTask) *task, int64_t n, int block, int blocks,
                                 int at, REAL *to)
{
    enum { TOKENS = NEAR_BYTES / (COLUMNS * VECTOR_BYTES) };
    const int64_t stride = GATES[task->of->cell] * task->padded, vectors = blocks * task->units;
    Vector near[TOKENS * COLUMNS];
    for (int64_t vector = 0; vector < vectors; vector += COLUMNS) {
        const int columns = vectors - vector < COLUMNS ? (int)(vectors - vector) : COLUMNS;
        REAL *column = to + at * task->padded + vector * LANES;
        for (int64_t start = 0; start < task->count; start += TOKENS) {
            const int64_t count = task->count - start < TOKENS ? task->count - start : TOKENS;
            const REAL *gates = task->gates + start * task->width + block * task->padded + vector * LANES;
            for (int64_t k = 0; k < count; k++)
                for (int lane = 0; lane < columns; lane++)
                    near[k * columns + lane] = NAME(load)(gates + k * task->width + lane * LANES);
            int rows;
            for (int64_t first = 0; first < n; first += rows) {
                rows = tile_rows(n - first, most_rows(columns));
                for (int64_t row = first + rows; row < n && row < first + 2 * rows; row++)
                    prefetch(column + row * stride, columns * VECTOR_BYTES);
                NAME(OUTERS)[rows - 1][columns - 1](
                    count, task->left + start * task->left_width + first, task->left_width,
                    (const REAL *)near, columns * LANES, column + first * stride, stride);
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
            if (candidate) seen = NAME(saved_at)(of->cell, of, padded, token, 3, 0);
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
    if (task->weight_ih) {
        for (int64_t k = 0; k < task->count; k++)
            memcpy(task->left + k * task->left_width,
                   NAME(input_at)(of, task->place[k]),
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
