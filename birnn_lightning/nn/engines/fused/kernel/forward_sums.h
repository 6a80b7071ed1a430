/* What the sums of a step are made of, panel by panel: biases, inputs, states. */

/* Adds the product of inputs at `rows` places. */
INLINE void NAME(multiply_inputs)(const NAME(Task) *task, const int64_t *place, int64_t rows,
                                  int columns, ROW_SUMS *sums, const REAL *weights)
{
    const Forward *of = task->of;
    const int pairs = NAME(in_pairs)(of);
    const REAL *a[MAX_TASK_ROWS];
    for (int64_t row = 0; row < rows; row++)
        a[row] = pairs ? task->input_pairs + row * NAME(paired_width)(of->input_size)
                       : NAME(input_at)(of, place[row]);
    NAME(add_product)(pairs ? PAIRS : PLAIN, rows, 0, columns, sums, a, weights,
                      NAME(depth_of)(of, of->input_size), NAME(weights_are_far)(of));
}

INLINE void NAME(set_sums)(int64_t rows, int columns, ROW_SUMS *sums, const REAL *bias, int64_t stride)
{
    for (int64_t row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            sums[row][column] = NAME(load)(bias + column * stride);
}

/* Adds what the inputs give: the product, or the product that was made before; that of `multiply_ahead` has
   the bias in it. */
INLINE void NAME(add_inputs)(const NAME(Task) *task, int64_t rows, int columns, ROW_SUMS *sums,
                             const REAL *weights, int64_t block_stride, int64_t unit)
{
    const Forward *of = task->of;
    const int64_t width = GATES[of->cell] * task->padded;
    if (!of->projected && !task->ahead) {
        NAME(multiply_inputs)(task, task->place, rows, columns, sums, weights);
        return;
    }
    for (int64_t row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++) {
            const int64_t at = unit + column * block_stride;
            if (of->projected)
                sums[row][column] +=
                    NAME(load)((const REAL *)of->projected + task->token[row] * width + at);
            else
                sums[row][column] = NAME(load)(task->ahead + (task->ahead_entry + row) * width + at);
        }
}

/* Adds the product with rows of `state`, each `stride` long, or with their pairs. */
INLINE void NAME(add_state)(const NAME(Task) *task, int kind, int64_t rows, int column, int columns,
                            ROW_SUMS *sums, const REAL *state, int64_t stride, const REAL *weights)
{
    const int64_t hidden = task->of->hidden_size;
    if (NAME(in_pairs)(task->of)) {
        kind = PAIRS;
        state = task->state_pairs;
        stride = NAME(paired_width)(hidden);
    }
    const REAL *a[MAX_TASK_ROWS];
    for (int64_t row = 0; row < rows; row++) a[row] = state + row * stride;
    NAME(add_product)(kind, rows, column, columns, sums, a, weights, NAME(depth_of)(task->of, hidden),
                      NAME(weights_are_far)(task->of));
}

/* What every gate sees of the state: [row][unit][gate], for one gate [row][unit]. */
static void NAME(drop_state)(NAME(Task) *task, int64_t active)
{
    const Forward *of = task->of;
    const int64_t hidden = of->hidden_size;
    const int gates = STATE_GATE_COUNT[of->cell];
    const int64_t stride = gates == 1 ? task->padded : hidden * gates;
    for (int64_t index = 0; index < active; index++) {
        const REAL *h = task->h + index * task->padded;
        const REAL *factor = (const REAL *)of->factor + task->row[index] * GATES[of->cell] * hidden;
        REAL *to = task->dropped + index * stride;
        for (int gate = 0; gate < gates; gate++)
            for (int64_t unit = 0; unit < hidden; unit++)
                to[unit * gates + gate] = h[unit] * factor[gate * hidden + unit];
    }
}

/* What the products of a step multiply with, in pairs. */
static void NAME(pair_state)(NAME(Task) *task, const REAL *state, int64_t active)
{
    const int64_t hidden = task->of->hidden_size;
    for (int64_t index = 0; index < active; index++)
        NAME(pair_up)(state + index * task->padded, hidden,
                      task->state_pairs + index * NAME(paired_width)(hidden));
}

static void NAME(pair_inputs)(NAME(Task) *task, const int64_t *place, int64_t rows)
{
    const Forward *of = task->of;
    for (int64_t index = 0; of->inputs && index < rows; index++)
        NAME(pair_up)(NAME(input_at)(of, place[index]), of->input_size,
                      task->input_pairs + index * NAME(paired_width)(of->input_size));
}

/* Whether the input products of several steps are one: where a step has so few rows that reading the weights
   would take longer than multiplying with them. */
INLINE int NAME(goes_ahead)(const Forward *of, int64_t rows, int64_t padded)
{
    const int64_t bytes = GATES[of->cell] * padded * NAME(depth_of)(of, of->input_size) * sizeof(REAL);
    return of->inputs && 2 * rows <= MAX_TASK_ROWS && bytes > rows * AHEAD_BYTES;
}

/* Biases and input products of as many whole steps from `step` on as fit, panel by panel: weights are read
   once for all of them. The sums are begun here as they would be in each step, so they end alike. */
static void NAME(multiply_ahead)(NAME(Task) *task, int64_t step, int64_t active)
{
    const Batch *batch = task->batch;
    const Forward *of = task->of;
    const NAME(Packed) *packed = task->packed;
    const int gates = GATES[of->cell];
    const int64_t depth = NAME(depth_of)(of, of->input_size), width = gates * task->padded;
    int64_t place[MAX_TASK_ROWS], count = 0;
    for (;; step++) {
        while (active && row_length(batch, task->row[active - 1]) <= step) active--;
        if (!active || count + active > MAX_TASK_ROWS) break;
        for (int64_t index = 0; index < active; index++)
            place[count++] = place_of(batch, token_at(batch, task->row[index], step, of->reverse));
    }
    task->ahead_entry = 0;
    task->ahead_count = count;
    if (NAME(in_pairs)(of)) NAME(pair_inputs)(task, place, count);
    const int64_t panels = of->cell == RNN ? NAME(panels_of_one_gate)(packed->units) : packed->units;
    for (int64_t panel = 0; panel < panels; panel++) {
        const int columns = of->cell == RNN ? NAME(panel_columns)(packed->units, panel) : gates;
        const int64_t unit = panel * LANES * (of->cell == RNN ? COLUMNS : 1);
        const int64_t stride = of->cell == RNN ? LANES : task->padded;
        ROW_SUMS sums[MAX_TASK_ROWS];
        NAME(set_sums)(count, columns, sums, packed->bias + unit * COLUMNS,
                       of->cell == RNN ? COLUMNS * LANES : LANES);
        NAME(multiply_inputs)(task, place, count, columns, sums, packed->inputs + unit * gates * depth);
        for (int64_t entry = 0; entry < count; entry++)
            for (int column = 0; column < columns; column++)
                NAME(store)(task->ahead + entry * width + unit + column * stride, sums[entry][column]);
    }
}
