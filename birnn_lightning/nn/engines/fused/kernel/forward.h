/* One direction forward, for a share of the rows: step by step, panel by panel. */

/* One panel of several vectors of units of one gate: an RNN, or the candidate of reset_before. */
INLINE void NAME(one_gate_step)(const int cell, NAME(Task) *task, int64_t rows, int64_t panel)
{
    const Forward *of = task->of;
    const NAME(Packed) *packed = task->packed;
    const int columns = NAME(panel_columns)(packed->units, panel);
    const int64_t unit = panel * COLUMNS * LANES, depth = NAME(depth_of)(of, of->hidden_size);
    ROW_SUMS sums[MAX_TASK_ROWS];
    if (cell == RNN) {
        NAME(set_sums)(rows, columns, sums, packed->bias + unit * COLUMNS, COLUMNS * LANES);
        NAME(add_inputs)(task, rows, columns, sums, packed->inputs + unit * NAME(depth_of)(of, of->input_size), LANES,
                         unit);
        NAME(add_state)(task, PLAIN, rows, 0, columns, sums, of->factor ? task->dropped : task->h,
                        task->padded, packed->state + unit * depth);
        for (int64_t row = 0; row < rows; row += GROUP)
            NAME(rnn_units)(task, row, group_rows(rows, row), unit, sums + row, columns);
        return;
    }
    for (int64_t row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            sums[row][column] = NAME(load)(task->candidate + row * task->padded + unit + column * LANES);
    NAME(add_state)(task, PLAIN, rows, 0, columns, sums, task->reset, task->padded,
                    packed->candidate + unit * depth);
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
    NAME(add_inputs)(task, rows, gates, sums,
                     packed->inputs + unit * gates * NAME(depth_of)(of, of->input_size), task->padded,
                     unit);
    NAME(add_state)(task, dropped ? BY_COLUMN : PLAIN, rows, STATE_COLUMN[cell], state_gates, sums,
                    dropped ? task->dropped : task->h, dropped ? hidden * state_gates : task->padded,
                    packed->state + unit * state_gates * NAME(depth_of)(of, hidden));
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

/* Asks for what the next step will use of a place. */
INLINE void NAME(prefetch_inputs)(const Forward *of, int64_t place)
{
    if (of->inputs)
        prefetch(NAME(input_at)(of, place), of->input_size * sizeof(REAL));
}

/* Writes a state where it is wanted: all at once, for a processor passes its caches by whole lines. */
INLINE void NAME(stream_state)(REAL *to, const REAL *h, int64_t units)
{
    for (int64_t unit = 0; unit < units; unit += LANES)
        NAME(stream_some)(to + unit, NAME(load)(h + unit), units - unit);
}

/* Copies a row's state, where it is known and wanted. */
static void NAME(copy_state)(REAL *to, int64_t to_stride, const REAL *from, int64_t from_stride,
                             int64_t to_row, int64_t from_row, int64_t hidden)
{
    if (from && to)
        memcpy(to + to_row * to_stride, from + from_row * from_stride, hidden * sizeof(REAL));
}

/* A row's state is its final one. */
static void NAME(emit_final)(const NAME(Task) *task, int64_t index)
{
    const Forward *of = task->of;
    const int64_t row = task->row[index], padded = task->padded, hidden = of->hidden_size;
    NAME(copy_state)(of->final_h, of->output_stride, task->h, padded, row, index, hidden);
    NAME(copy_state)(of->final_c, of->output_stride, task->c, padded, row, index, hidden);
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
                NAME(stream_state)((REAL *)of->previous + task->token[index] * padded,
                                   task->h + index * padded, padded);
        }
        if (of->factor) NAME(drop_state)(task, active);
        if (NAME(in_pairs)(of)) {
            if (!task->ahead) NAME(pair_inputs)(task, task->place, active);
            NAME(pair_state)(task, task->h, active);
        }
        if (task->ahead && task->ahead_entry == task->ahead_count)
            NAME(multiply_ahead)(task, step, active);
        if (cell == RNN) {
            for (int64_t panel = 0; panel < NAME(panels_of_one_gate)(packed->units); panel++)
                NAME(one_gate_step)(cell, task, active, panel);
        } else {
            for (int64_t panel = 0; panel < packed->units; panel++)
                NAME(gates_step)(cell, task, active, panel);
            if (NAME(in_pairs)(of) && cell == GRU_RESET_BEFORE)
                NAME(pair_state)(task, task->reset, active);
            if (cell == GRU_RESET_BEFORE)
                for (int64_t panel = 0; panel < NAME(panels_of_one_gate)(packed->units); panel++)
                    NAME(one_gate_step)(cell, task, active, panel);
        }
        task->ahead_entry += active;
        REAL *old = task->h;
        task->h = task->next;
        task->next = old;
        for (int64_t index = 0; of->outputs && index < active; index++)
            NAME(stream_state)((REAL *)of->outputs + task->place[index] * of->output_stride,
                               task->h + index * padded, hidden);
        for (int64_t index = active; index--;) {
            const int64_t row = task->row[index];
            if (row_length(batch, row) > step + 1) break;
            NAME(emit_final)(task, index);
        }
    }
}

/* Numbers of REAL that `forward_task` needs for a share of `rows`, or of one less. */
static int64_t NAME(forward_workspace)(const Forward *of, int64_t rows, int64_t padded)
{
    const int64_t ahead = NAME(goes_ahead)(of, rows - 1, padded) ? MAX_TASK_ROWS : 0;
    int64_t size = 6 * rows * padded + ahead * GATES[of->cell] * padded;
    if (of->factor) size += rows * STATE_GATE_COUNT[of->cell] * padded;
    if (NAME(in_pairs)(of))
        size += rows * NAME(paired_width)(of->hidden_size) +
                larger_of(rows, ahead) * NAME(paired_width)(of->input_size);
    return size;
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
    task.state_pairs = task.dropped; /* which is not used together with it */
    task.input_pairs = task.state_pairs + task.rows * NAME(paired_width)(hidden);
    if (NAME(goes_ahead)(of, task.rows, padded))
        task.ahead = workspace + NAME(forward_workspace)(of, task.rows, padded) -
                     MAX_TASK_ROWS * GATES[of->cell] * padded;
    memset(workspace, 0, 3 * size * sizeof(REAL));
    for (int64_t index = 0; index < task.rows; index++) {
        const int64_t row = share_row(batch, share, index);
        task.row[index] = row;
        if (of->outputs)
            zero_gaps(batch, row, of->outputs, of->output_stride * sizeof(REAL), hidden * sizeof(REAL));
        NAME(copy_state)(task.h, padded, of->initial_h, hidden, index, row, hidden);
        NAME(copy_state)(task.c, padded, of->initial_c, hidden, index, row, hidden);
        if (row_length(batch, row) == 0) NAME(emit_final)(&task, index);
    }
    switch (of->cell) {
    case RNN: NAME(forward_steps)(RNN, &task); break;
    case LSTM: NAME(forward_steps)(LSTM, &task); break;
    case GRU_RESET_AFTER: NAME(forward_steps)(GRU_RESET_AFTER, &task); break;
    default: NAME(forward_steps)(GRU_RESET_BEFORE, &task); break;
    }
}
