/* One direction backward, for a share of the rows: step by step from the end. */

/* to += gradients of `count` gate blocks from `block` on, times their weights, for one panel of units;
   `packed` says where the first of these blocks stands among the packed ones. */
static void NAME(back_panel)(const NAME(BackwardTask) *task, int64_t rows, int64_t panel, int block,
                             int packed, int count, const REAL *factors, REAL *to)
{
    const Forward *of = task->of;
    const int64_t hidden = of->hidden_size, padded = task->padded;
    const int gates = GATES[of->cell], columns = NAME(panel_columns)(task->units, panel);
    const int64_t depth = NAME(depth_of)(of, hidden), step = depth * columns * LANES;
    const int64_t unit = panel * COLUMNS * LANES;
    const REAL *weights = task->state_weights + unit * gates * depth + packed * step;
    ROW_SUMS sums[MAX_TASK_ROWS];
    memset(sums, 0, rows * sizeof(ROW_SUMS));
    to += unit;
    for (int part = 0; part < count; part++) {
        const REAL *a[MAX_TASK_ROWS];
        for (int64_t row = 0; row < rows; row++)
            a[row] = NAME(gates_of)(task, task->start + row, block + part);
        NAME(add_product)(NAME(in_pairs)(of) ? PAIRS : PLAIN, rows, 0, columns, sums, a,
                          weights + part * step, depth, NAME(weights_are_far)(of));
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
    for (int64_t entry = task->start; NAME(in_pairs)(task->of) && entry < task->count; entry++)
        NAME(pair_up)(task->gates + entry * task->width, (block + count) * task->padded,
                      task->gate_pairs + entry * task->pair_width);
    for (int64_t panel = 0; panel < NAME(panels_of_one_gate)(task->units); panel++)
        NAME(back_panel)(task, active, panel, block, packed, count, factors, to);
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
                     place_of(task->batch, token) * of->output_stride,
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

/* The gradient of a bias (chunks, gates * hidden) of one gate, if it is wanted. */
static void NAME(put_bias)(const NAME(BackwardTask) *task, void *to, int64_t chunk, int block, int gate)
{
    const Forward *of = task->of;
    const int64_t at = (chunk * GATES[of->cell] + gate) * of->hidden_size;
    if (to) memcpy((REAL *)to + at, task->bias + block * task->padded, of->hidden_size * sizeof(REAL));
}

/* Runs a share of the rows back, as task number `chunk`. `workspace` is as large as `backward_workspace`
   says. */
static void NAME(backward_task)(const Batch *batch, const Backward *to, const REAL *state_weights,
                                const REAL *input_weights, Share share, REAL *workspace)
{
    const Forward *of = to->of;
    const int64_t hidden = of->hidden_size, units = vectors_of(hidden, LANES);
    const int64_t padded = units * LANES, rows = share_size(batch, share), chunk = share.first;
    const int64_t blocks = GATE_BLOCKS[of->cell];
    NAME(BackwardTask) task = {.batch = batch, .to = to, .of = of, .state_weights = state_weights,
                               .input_weights = input_weights, .rows = rows, .units = units,
                               .padded = padded};
    task.h = workspace;
    task.c = task.h + rows * padded;
    task.seen = task.c + rows * padded;
    task.gates = task.seen + rows * padded;
    task.width = blocks * padded + LANES;
    task.gate_pairs = task.gates + BLOCK_TOKENS * task.width;
    task.pair_width = NAME(in_pairs)(of) ? NAME(paired_width)(blocks * padded) + LANES : 0;
    task.left = task.gate_pairs + BLOCK_TOKENS * task.pair_width;
    task.bias = task.left + BLOCK_TOKENS * NAME(left_width)(of);
    memset(workspace, 0, 2 * rows * padded * sizeof(REAL));
    memset(task.bias, 0, blocks * padded * sizeof(REAL));
    const int64_t weights = chunk * GATES[of->cell] * hidden;
    if (to->weight_ih)
        task.weight_ih = (REAL *)to->weight_ih + weights * NAME(padded_size)(of->input_size);
    if (to->weight_hh) task.weight_hh = (REAL *)to->weight_hh + weights * padded;
    for (int64_t index = 0; index < rows; index++) {
        task.row[index] = share_row(batch, share, index);
        if (to->inputs) {
            const int64_t bytes = of->input_size * sizeof(REAL);
            zero_gaps(batch, task.row[index], to->inputs, bytes, bytes);
        }
        const int64_t row = task.row[index], stride = of->output_stride;
        NAME(copy_state)(task.h, padded, to->final_h, stride, index, row, hidden);
        NAME(copy_state)(task.c, padded, to->final_c, stride, index, row, hidden);
    }
    switch (of->cell) {
    case RNN: NAME(backward_steps)(RNN, &task); break;
    case LSTM: NAME(backward_steps)(LSTM, &task); break;
    case GRU_RESET_AFTER: NAME(backward_steps)(GRU_RESET_AFTER, &task); break;
    default: NAME(backward_steps)(GRU_RESET_BEFORE, &task); break;
    }
    for (int64_t index = 0; index < rows; index++) {
        NAME(copy_state)(to->initial_h, hidden, task.h, padded, task.row[index], index, hidden);
        NAME(copy_state)(to->initial_c, hidden, task.c, padded, task.row[index], index, hidden);
    }
    for (int gate = 0; gate < GATES[of->cell]; gate++) {
        const int after = of->cell == GRU_RESET_AFTER;
        NAME(put_bias)(&task, to->bias_ih, chunk, gate, INPUT_GATES[of->cell][gate]);
        NAME(put_bias)(&task, to->bias_hh, chunk, gate + after, state_gate_of(of->cell, gate));
    }
}

/* Numbers of REAL that `backward_task` needs for a share of `rows`. */
static int64_t NAME(backward_workspace)(const Forward *of, int64_t rows, int64_t padded)
{
    const int64_t gates = GATE_BLOCKS[of->cell] * padded;
    const int64_t pairs = NAME(in_pairs)(of) ? NAME(paired_width)(gates) + LANES : 0;
    return 3 * rows * padded + BLOCK_TOKENS * (gates + LANES + pairs + NAME(left_width)(of)) + gates;
}
