/* One direction forward, for a share of the rows. */

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
} NAME(Task);

INLINE REAL *NAME(saved_at)(const NAME(Task) *task, int64_t index, int64_t unit)
{
    if (!task->of->saved) return NULL;
    return (REAL *)task->of->saved + task->token[index] * SAVED[task->of->cell] * task->padded + unit;
}

/* The new state of a row's units: kept, and written where it is wanted. */
INLINE void NAME(emit)(const NAME(Task) *task, int64_t index, int64_t unit, Vector h)
{
    NAME(store)(task->next + index * task->padded + unit, h);
    if (task->of->outputs)
        NAME(stream_some)(
            (REAL *)task->of->outputs + task->place[index] * task->of->output_stride + unit, h,
            task->of->hidden_size - unit);
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
            REAL *saved = NAME(saved_at)(task, index + v, unit);
            if (saved) NAME(stream)(saved, NAME(kept)(act, sums[v][column], h[v]));
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
        REAL *saved = NAME(saved_at)(task, index + v, unit);
        if (saved) {
            NAME(stream)(saved, NAME(kept)(gate, sums[v][0], i[v]));
            NAME(stream)(saved + padded, NAME(kept)(gate, sums[v][1], f[v]));
            NAME(stream)(saved + 2 * padded, NAME(kept)(act, sums[v][2], g[v]));
            NAME(stream)(saved + 3 * padded, NAME(kept)(gate, sums[v][3], o[v]));
            NAME(stream)(saved + 4 * padded, c[v]);
        })
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
        REAL *saved = NAME(saved_at)(task, index + v, unit);
        if (saved) {
            NAME(stream)(saved, NAME(kept)(gate, sums[v][1], r[v]));
            NAME(stream)(saved + padded, NAME(kept)(gate, sums[v][2], z[v]));
            NAME(stream)(saved + 2 * padded, NAME(kept)(act, before[v], n[v]));
            NAME(stream)(saved + 3 * padded, sums[v][3]);
        }
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
        REAL *saved = NAME(saved_at)(task, index + v, unit);
        if (saved) {
            NAME(stream)(saved, NAME(kept)(gate, sums[v][1], r[v]));
            NAME(stream)(saved + padded, NAME(kept)(gate, sums[v][2], z[v]));
            NAME(stream)(saved + 3 * padded, seen);
        })
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
            REAL *saved = NAME(saved_at)(task, index + v, unit);
            if (saved) NAME(stream)(saved + 2 * padded, NAME(kept)(act, sums[v][column], n[v]));
            const Vector z = NAME(load)(task->update + at);
            NAME(emit)(task, index + v, unit, z * NAME(load)(task->h + at) + (1 - z) * n[v]);)
    }
}

/* Adds what the inputs give: the product, or the product that was made before. */
INLINE void NAME(add_inputs)(const NAME(Task) *task, int64_t rows, int columns, ROW_SUMS *sums,
                             const REAL *weights, int64_t block_stride, int64_t unit)
{
    const Forward *of = task->of;
    if (of->projected) {
        for (int64_t row = 0; row < rows; row++) {
            const REAL *from = (const REAL *)of->projected;
            from += task->token[row] * GATES[of->cell] * task->padded + unit;
            for (int column = 0; column < columns; column++)
                sums[row][column] += NAME(load)(from + column * block_stride);
        }
        return;
    }
    const REAL *a[MAX_TASK_ROWS];
    for (int64_t row = 0; row < rows; row++)
        a[row] = (const REAL *)of->inputs + task->place[row] * of->input_stride;
    NAME(add_product)(0, rows, 0, columns, sums, a, weights, of->input_size);
}

/* Adds the product with rows of `state`, each `stride` long. */
INLINE void NAME(add_state)(int by_column, int64_t rows, int column, int columns, ROW_SUMS *sums,
                            const REAL *state, int64_t stride, const REAL *weights, int64_t depth)
{
    const REAL *a[MAX_TASK_ROWS];
    for (int64_t row = 0; row < rows; row++) a[row] = state + row * stride;
    NAME(add_product)(by_column, rows, column, columns, sums, a, weights, depth);
}

INLINE void NAME(set_sums)(int64_t rows, int columns, ROW_SUMS *sums, const REAL *bias, int64_t stride)
{
    for (int64_t row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            sums[row][column] = NAME(load)(bias + column * stride);
}

/* One panel of several vectors of units of one gate: an RNN, or the candidate of reset_before. */
INLINE void NAME(one_gate_step)(const int cell, NAME(Task) *task, int64_t rows, int64_t panel)
{
    const Forward *of = task->of;
    const NAME(Packed) *packed = task->packed;
    const int columns = NAME(panel_columns)(packed->units, panel);
    const int64_t unit = panel * COLUMNS * LANES, hidden = of->hidden_size;
    ROW_SUMS sums[MAX_TASK_ROWS];
    if (cell == RNN) {
        NAME(set_sums)(rows, columns, sums, packed->bias + unit * COLUMNS, COLUMNS * LANES);
        NAME(add_inputs)(task, rows, columns, sums, packed->inputs + unit * of->input_size, LANES, unit);
        NAME(add_state)(0, rows, 0, columns, sums, of->factor ? task->dropped : task->h, task->padded,
                        packed->state + unit * hidden, hidden);
        for (int64_t row = 0; row < rows; row += GROUP)
            NAME(rnn_units)(task, row, group_rows(rows, row), unit, sums + row, columns);
        return;
    }
    for (int64_t row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            sums[row][column] = NAME(load)(task->candidate + row * task->padded + unit + column * LANES);
    NAME(add_state)(0, rows, 0, columns, sums, task->reset, task->padded,
                    packed->candidate + unit * hidden, hidden);
    for (int64_t row = 0; row < rows; row += GROUP)
        NAME(candidate_units)(task, row, group_rows(rows, row), unit, sums + row, columns);
}

/* One panel of all gates of a vector of units. */
INLINE void NAME(gates_step)(const int cell, NAME(Task) *task, int64_t rows, int64_t panel)
{
    const Forward *of = task->of;
    const NAME(Packed) *packed = task->packed;
    const int gates = GATES[cell], state_gates = STATE_GATE_COUNT[cell];
    const int64_t unit = panel * LANES, hidden = of->hidden_size;
    const int dropped = of->factor != NULL;
    ROW_SUMS sums[MAX_TASK_ROWS];
    NAME(set_sums)(rows, COLUMNS, sums, packed->bias + unit * COLUMNS, LANES);
    NAME(add_inputs)(task, rows, gates, sums, packed->inputs + unit * gates * of->input_size,
                     task->padded, unit);
    NAME(add_state)(dropped, rows, STATE_COLUMN[cell], state_gates, sums,
                    dropped ? task->dropped : task->h, dropped ? hidden * state_gates : task->padded,
                    packed->state + unit * state_gates * hidden, hidden);
    for (int64_t row = 0; row < rows; row += GROUP) {
        const int count = group_rows(rows, row);
        if (cell == LSTM)
            NAME(lstm_units)(task, row, count, unit, sums + row);
        else if (cell == GRU_RESET_AFTER)
            NAME(gru_units)(task, row, count, unit, sums + row);
        else
            NAME(reset_units)(task, row, count, unit, sums + row);
    }
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

/* Asks for what the next step will use of a place. */
INLINE void NAME(prefetch_inputs)(const Forward *of, int64_t place)
{
    if (of->inputs)
        prefetch((const REAL *)of->inputs + place * of->input_stride, of->input_size * sizeof(REAL));
}

INLINE void NAME(forward_steps)(const int cell, NAME(Task) *task)
{
    const Batch *batch = task->batch;
    const Forward *of = task->of;
    const NAME(Packed) *packed = task->packed;
    const int64_t hidden = of->hidden_size, padded = task->padded;
    int64_t active = task->rows;
    for (int64_t step = 0;; step++) {
        while (active && row_length(batch, task->row[active - 1]) <= step) active--;
        if (!active) return;
        for (int64_t index = 0; index < active; index++) {
            task->token[index] = token_at(batch, task->row[index], step, of->reverse);
            task->place[index] = place_of(batch, task->token[index]);
            if (row_length(batch, task->row[index]) > step + 1)
                NAME(prefetch_inputs)(of, place_of(batch, task->token[index] + (of->reverse ? -1 : 1)));
            if (of->previous)
                memcpy((REAL *)of->previous + task->token[index] * padded, task->h + index * padded,
                       padded * sizeof(REAL));
        }
        if (of->factor) NAME(drop_state)(task, active);
        if (cell == RNN) {
            for (int64_t panel = 0; panel < NAME(panels_of_one_gate)(packed->units); panel++)
                NAME(one_gate_step)(cell, task, active, panel);
        } else {
            for (int64_t panel = 0; panel < packed->units; panel++)
                NAME(gates_step)(cell, task, active, panel);
            if (cell == GRU_RESET_BEFORE)
                for (int64_t panel = 0; panel < NAME(panels_of_one_gate)(packed->units); panel++)
                    NAME(one_gate_step)(cell, task, active, panel);
        }
        REAL *old = task->h;
        task->h = task->next;
        task->next = old;
        for (int64_t index = active; index--;) {
            const int64_t row = task->row[index];
            if (row_length(batch, row) > step + 1) break;
            memcpy((REAL *)of->final_h + row * hidden, task->h + index * padded, hidden * sizeof(REAL));
            if (cell == LSTM)
                memcpy((REAL *)of->final_c + row * hidden, task->c + index * padded,
                       hidden * sizeof(REAL));
        }
    }
}

/* Runs a share of the rows. `workspace` is as large as `forward_workspace` says. */
static void NAME(forward_task)(const Batch *batch, const Forward *of, const NAME(Packed) *packed,
                               Share share, REAL *workspace)
{
    NAME(Task) task = {.batch = batch, .of = of, .packed = packed};
    const int64_t hidden = of->hidden_size, padded = packed->units * LANES;
    task.rows = share_size(batch, share);
    task.padded = padded;
    const int64_t size = task.rows * padded;
    task.h = workspace;
    task.next = task.h + size;
    task.c = task.next + size;
    task.reset = task.c + size;
    task.update = task.reset + size;
    task.candidate = task.update + size;
    task.dropped = task.candidate + size;
    memset(workspace, 0, 3 * size * sizeof(REAL));
    for (int64_t index = 0; index < task.rows; index++) {
        const int64_t row = share_row(batch, share, index);
        task.row[index] = row;
        memcpy(task.h + index * padded, (const REAL *)of->initial_h + row * hidden,
               hidden * sizeof(REAL));
        if (of->cell == LSTM)
            memcpy(task.c + index * padded, (const REAL *)of->initial_c + row * hidden,
                   hidden * sizeof(REAL));
        if (row_length(batch, row) == 0) {
            memcpy((REAL *)of->final_h + row * hidden, (const REAL *)of->initial_h + row * hidden,
                   hidden * sizeof(REAL));
            if (of->cell == LSTM)
                memcpy((REAL *)of->final_c + row * hidden, (const REAL *)of->initial_c + row * hidden,
                       hidden * sizeof(REAL));
        }
    }
    switch (of->cell) {
    case RNN: NAME(forward_steps)(RNN, &task); break;
    case LSTM: NAME(forward_steps)(LSTM, &task); break;
    case GRU_RESET_AFTER: NAME(forward_steps)(GRU_RESET_AFTER, &task); break;
    default: NAME(forward_steps)(GRU_RESET_BEFORE, &task); break;
    }
}

/* Numbers of REAL that `forward_task` needs for a share of `rows`. */
static int64_t NAME(forward_workspace)(const Forward *of, int64_t rows, int64_t padded)
{
    return rows * padded * (6 + (of->factor ? STATE_GATE_COUNT[of->cell] : 0));
}
