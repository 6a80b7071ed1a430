/* The calls: weights are packed, then every task runs; both in parallel. Each returns 0, or -1 when there is
   no memory. How many threads there are changes nothing; how many chunks, only the order of the sums over
   rows in weights' gradients. */

/* Rows of the largest share. */
static int64_t NAME(share_rows)(const Batch *batch, int64_t chunks)
{
    return (batch->rows + chunks - 1) / chunks;
}

static int NAME(forward_layer)(const Batch *batch, const Layer *layer, int64_t threads)
{
    const Forward *directions = layer->directions;
    const int64_t count = layer->count, chunks = layer->chunks;
    NAME(Packed) packed[2];
    int64_t weights = 0, panels = 0, workspace = 0;
    for (int64_t d = 0; d < count; d++) {
        const Forward *of = &directions[d];
        const int64_t units = vectors_of(of->hidden_size, LANES), padded = units * LANES;
        const int64_t inputs = of->projected ? 0 : of->input_size;
        const int64_t candidate = of->cell == GRU_RESET_BEFORE ? of->hidden_size : 0;
        packed[d].units = units;
        weights += padded * (GATES[of->cell] * inputs + STATE_GATE_COUNT[of->cell] * of->hidden_size +
                             candidate + COLUMNS);
        const int64_t rows = NAME(share_rows)(batch, chunks);
        workspace = larger_of(workspace, NAME(forward_workspace)(of, rows, padded));
        panels = larger_of(panels, units);
    }
    workspace = (workspace + 15) / 16 * 16;
    REAL *memory;
    const size_t bytes = (weights + count * chunks * workspace + 16) * sizeof(REAL);
    if (posix_memalign((void **)&memory, 64, bytes)) return -1;
    REAL *next = memory;
    for (int64_t d = 0; d < count; d++) {
        const Forward *of = &directions[d];
        const int64_t padded = packed[d].units * LANES;
        packed[d].inputs = of->projected ? NULL : next;
        next += of->projected ? 0 : padded * GATES[of->cell] * of->input_size;
        packed[d].state = next;
        next += padded * STATE_GATE_COUNT[of->cell] * of->hidden_size;
        packed[d].candidate = of->cell == GRU_RESET_BEFORE ? next : NULL;
        next += of->cell == GRU_RESET_BEFORE ? padded * of->hidden_size : 0;
        packed[d].bias = next;
        next += padded * COLUMNS;
    }
    const int64_t tokens = batch->offsets[batch->rows], places = batch->rows * batch->time;
    expect_large(directions->outputs, places * directions->output_stride * sizeof(REAL));
    for (int64_t d = 0; d < count; d++) {
        const Forward *of = &directions[d];
        const int64_t bytes = packed[d].units * LANES * sizeof(REAL);
        expect_large(of->saved, tokens * SAVED[of->cell] * bytes);
        expect_large(of->previous, tokens * bytes);
    }
    PARALLEL_FOR(threads)
    for (int64_t index = 0; index < count * panels; index++)
        if (index % panels < packed[index / panels].units)
            NAME(pack_forward)(&directions[index / panels], &packed[index / panels], index % panels);
    PARALLEL_FOR(threads)
    for (int64_t index = 0; index < count * chunks; index++) {
        const int64_t d = index % count;
        const FloatMode mode = flush_denormals();
        NAME(forward_task)(batch, &directions[d], &packed[d], (Share){index / count, chunks},
                           next + index * workspace);
        finish_streams();
        restore_float_mode(mode);
    }
    free(memory);
    return 0;
}

/* Layers one after another, each of which may read what the ones before it write. */
int NAME(birnn_forward)(const Batch *batch, const Layer *layers, int64_t count, int64_t threads)
{
    for (int64_t index = 0; index < count; index++)
        if (NAME(forward_layer)(batch, &layers[index], threads)) return -1;
    return 0;
}

int NAME(birnn_backward)(const Batch *batch, const Backward *directions, int64_t count, int64_t chunks,
                         int64_t threads)
{
    REAL *state_weights[2], *input_weights[2];
    int64_t packed = 0, panels = 0, workspace = 0;
    for (int64_t d = 0; d < count; d++) {
        const Forward *of = directions[d].of;
        const int64_t units = vectors_of(of->hidden_size, LANES);
        const int64_t inputs = directions[d].inputs ? vectors_of(of->input_size, LANES) : 0;
        packed += (units + inputs) * LANES * GATES[of->cell] * of->hidden_size;
        const int64_t rows = NAME(share_rows)(batch, chunks);
        workspace = larger_of(workspace, NAME(backward_workspace)(of, rows, units * LANES));
        panels = larger_of(panels, NAME(panels_of_one_gate)(larger_of(units, inputs)));
    }
    workspace = (workspace + 15) / 16 * 16;
    REAL *memory;
    const size_t bytes = (packed + count * chunks * workspace + 16) * sizeof(REAL);
    if (posix_memalign((void **)&memory, 64, bytes)) return -1;
    REAL *next = memory;
    for (int64_t d = 0; d < count; d++) {
        const Forward *of = directions[d].of;
        const int64_t row = LANES * GATES[of->cell] * of->hidden_size;
        state_weights[d] = next;
        next += vectors_of(of->hidden_size, LANES) * row;
        input_weights[d] = directions[d].inputs ? next : NULL;
        expect_large(directions[d].inputs, batch->rows * batch->time * of->input_size * sizeof(REAL));
        next += directions[d].inputs ? vectors_of(of->input_size, LANES) * row : 0;
    }
    PARALLEL_FOR(threads)
    for (int64_t index = 0; index < count * panels; index++) {
        const int64_t d = index / panels, panel = index % panels;
        const Forward *of = directions[d].of;
        const int *order = INPUT_GATES[of->cell];
        if (panel < NAME(panels_of_one_gate)(vectors_of(of->hidden_size, LANES)))
            NAME(pack_backward)(of, of->weight_hh, state_weights[d], panel, of->hidden_size,
                                of->cell == GRU_RESET_AFTER ? STATE_GATES[of->cell] : order);
        if (input_weights[d] && panel < NAME(panels_of_one_gate)(vectors_of(of->input_size, LANES)))
            NAME(pack_backward)(of, of->weight_ih, input_weights[d], panel, of->input_size, order);
    }
    PARALLEL_FOR(threads)
    for (int64_t index = 0; index < count * chunks; index++) {
        const int64_t d = index % count;
        const FloatMode mode = flush_denormals();
        NAME(backward_task)(batch, &directions[d], state_weights[d], input_weights[d],
                            (Share){index / count, chunks}, next + index * workspace);
        finish_streams();
        restore_float_mode(mode);
    }
    free(memory);
    return 0;
}
