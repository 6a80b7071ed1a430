/* The gradient of an embedding: each row is the sum of the gradients of its tokens, in their order. */

/* A share of the features of every row of `sums` (rows, size). */
static void NAME(sum_tokens)(int64_t first, int64_t end, int64_t size, int64_t count,
                             const int64_t *tokens, const REAL *gradients, REAL *sums)
{
    for (int64_t k = 0; k < count; k++) {
        const REAL *from = gradients + k * size;
        REAL *to = sums + tokens[k] * size;
        int64_t feature = first;
        for (; feature + LANES <= end; feature += LANES)
            NAME(store)(to + feature, NAME(load)(to + feature) + NAME(load)(from + feature));
        for (; feature < end; feature++) to[feature] += from[feature];
    }
}

/* Tokens are between 0 and rows - 1. Whatever the threads, the sums are the same. */
void NAME(birnn_embedding_gradient)(int64_t rows, int64_t size, int64_t count, const int64_t *tokens,
                                    const REAL *gradients, REAL *sums, int64_t threads)
{
    PARALLEL_FOR(threads)
    for (int64_t share = 0; share < threads; share++) {
        const int64_t first = rows * share / threads, end = rows * (share + 1) / threads;
        memset(sums + first * size, 0, (end - first) * size * sizeof(REAL));
    }
    const int64_t vectors = vectors_of(size, LANES);
    PARALLEL_FOR(threads)
    for (int64_t share = 0; share < threads; share++) {
        const int64_t first = vectors * share / threads * LANES;
        const int64_t end = vectors * (share + 1) / threads * LANES;
        NAME(sum_tokens)(first, end < size ? end : size, size, count, tokens, gradients, sums);
    }
}
