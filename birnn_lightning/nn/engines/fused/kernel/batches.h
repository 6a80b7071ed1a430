/* How the rows of a batch are shared by tasks, whatever the precision. */

/* A task: one direction, and every `tasks`-th row from `first` on in the batch's order. */
typedef struct {
    int64_t first, tasks;
} Share;

static int64_t share_size(const Batch *batch, Share share)
{
    return (batch->rows - share.first + share.tasks - 1) / share.tasks;
}

static int64_t share_row(const Batch *batch, Share share, int64_t index)
{
    const int64_t place = share.first + index * share.tasks;
    return batch->order ? batch->order[place] : place;
}

INLINE int64_t row_length(const Batch *batch, int64_t row)
{
    return batch->offsets[row + 1] - batch->offsets[row];
}

/* The token of a row's step, counted in processing order. */
INLINE int64_t token_at(const Batch *batch, int64_t row, int64_t step, int64_t reverse)
{
    return reverse ? batch->offsets[row + 1] - 1 - step : batch->offsets[row] + step;
}

INLINE int64_t place_of(const Batch *batch, int64_t token)
{
    return batch->places ? batch->places[token] : token;
}

/* The tokens of a mask (rows, time): their number; -1 when there is no memory. `places` has room for all
   of rows * time. */
int64_t birnn_tokens(const uint8_t *mask, int64_t rows, int64_t time, int64_t *offsets, int64_t *order,
                     int64_t *places)
{
    int64_t *before = calloc(time + 2, sizeof(int64_t)), token = 0;
    if (!before) return -1;
    for (int64_t row = 0; row < rows; row++) {
        offsets[row] = token;
        for (int64_t place = row * time; place < (row + 1) * time; place++) {
            places[token] = place;
            token += mask[place] != 0;
        }
        before[time - (token - offsets[row]) + 1]++;
    }
    offsets[rows] = token;
    /* The rows sorted by length: `before` counts the longer ones, then those that are placed too. */
    for (int64_t length = 0; length <= time; length++) before[length + 1] += before[length];
    for (int64_t row = 0; row < rows; row++)
        order[before[time - (offsets[row + 1] - offsets[row])]++] = row;
    free(before);
    return token;
}

/* Whether all tokens are between 0 and rows - 1. */
int birnn_refers_to(const int64_t *tokens, int64_t count, int64_t rows)
{
    uint64_t outside = 0;
    for (int64_t k = 0; k < count; k++) outside |= (uint64_t)tokens[k] >= (uint64_t)rows;
    return !outside;
}

/* Zeroes what stands at a row's places without a token: `bytes` of them, `stride` bytes apart. */
static void zero_gaps(const Batch *batch, int64_t row, void *to, int64_t stride, int64_t bytes)
{
    const int64_t first = batch->offsets[row], after = batch->offsets[row + 1];
    if (after - first == batch->time) return;
    int64_t place = row * batch->time;
    for (int64_t token = first; token <= after; token++) {
        const int64_t end = token < after ? batch->places[token] : (row + 1) * batch->time;
        for (; place < end; place++) memset((char *)to + place * stride, 0, bytes);
        place = end + 1;
    }
}

/* The most rows of a tile that has `columns`. */
INLINE int most_rows(int columns)
{
    return TILE_SUMS / columns < TILE_ROWS ? TILE_SUMS / columns : TILE_ROWS;
}

/* So many rows where it has not too many sums; otherwise it is never asked for, and 1 stands for it. */
#define FITTING(rows, columns) ((rows) * (columns) <= TILE_SUMS ? (rows) : 1)

/* How many of the `rest` rows the next tile has; the last two share what is left. */
INLINE int tile_rows(int64_t rest, int most)
{
    return (int)(rest >= 2 * most ? most : rest > most ? (rest + 1) / 2 : rest);
}

INLINE int64_t larger_of(int64_t a, int64_t b) { return a > b ? a : b; }
INLINE int64_t smaller_of(int64_t a, int64_t b) { return a < b ? a : b; }

/* How many vectors of `lanes` numbers hold `size` of them. */
INLINE int64_t vectors_of(int64_t size, int64_t lanes) { return (size + lanes - 1) / lanes; }

static const int GATES[] = {1, 4, 3, 3};
/* Gate blocks of the gradient: RNN h; LSTM i f g o; GRU n_x r z n_h, so that the blocks of both products
   stand together; without reset_after n r z, whose both products see the same. */
static const int GATE_BLOCKS[] = {1, 4, 4, 3};
/* RNN h; LSTM i f g o c; GRU r z n, and n_h or, without reset_after, what the candidate saw. Of the first
   ones those of a vector of units stand together: they are written together, as whole cache lines. */
static const int SAVED[] = {1, 5, 4, 4};
static const int SAVED_TOGETHER[] = {1, 4, 4, 2};

int birnn_saved_values(int64_t cell) { return SAVED[cell]; }
