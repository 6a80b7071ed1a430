/* Matrix products of a tile: a few rows times a panel of at most COLUMNS vectors, summed in registers. */

#define ROW_SUMS NAME(RowSums)
typedef Vector ROW_SUMS[COLUMNS];

INLINE void NAME(add_one)(const int kind, Vector *sum, Vector factor, Vector weight)
{
    if (kind == PAIRS)
        *sum = NAME(add_pairs)(*sum, factor, weight);
    else
        *sum += factor * weight;
}

/* sum[row][column] += factors[row][at] weights[column]; BY_COLUMN every column has a factor of its own. In
   PAIRS each number is two of bfloat16. Of factors and weights the fewer are held in registers, the others
   are read one by one. */
INLINE void NAME(add_outer)(const int kind, const int rows, const int columns, Vector (*sum)[COLUMNS],
                            const REAL *const *factors, int64_t at, const REAL *weights)
{
    Vector weight[COLUMNS], factor[TILE_ROWS];
    if (kind != BY_COLUMN && columns <= rows) {
        UNROLL for (int column = 0; column < columns; column++)
            weight[column] = NAME(load)(weights + column * LANES);
        UNROLL for (int row = 0; row < rows; row++) {
            factor[0] = NAME(all)(factors[row][at]);
            UNROLL for (int column = 0; column < columns; column++)
                NAME(add_one)(kind, &sum[row][column], factor[0], weight[column]);
        }
        return;
    }
    UNROLL for (int row = 0; kind != BY_COLUMN && row < rows; row++)
        factor[row] = NAME(all)(factors[row][at]);
    UNROLL for (int column = 0; column < columns; column++) {
        weight[0] = NAME(load)(weights + column * LANES);
        OPAQUE(weight[0]); /* or the compiler loads it before its turn */
        UNROLL for (int row = 0; row < rows; row++) {
            if (kind == BY_COLUMN) factor[row] = NAME(all)(factors[row][at + column]);
            NAME(add_one)(kind, &sum[row][column], factor[row], weight[0]);
        }
    }
}

/* sums[row] += a[row] W, where W is packed as [depth][columns][lane]. BY_COLUMN a[row] is
   [depth][columns]. */
INLINE void NAME(multiply)(
    const int kind, const int rows, const int columns, ROW_SUMS *sums, const REAL *const *a,
    const REAL *weights, int64_t depth)
{
    const REAL *factors[TILE_ROWS];
    Vector sum[TILE_ROWS][COLUMNS];
    UNROLL for (int row = 0; row < rows; row++) {
        factors[row] = a[row];
        UNROLL for (int column = 0; column < columns; column++) sum[row][column] = sums[row][column];
    }
    UNROLL_SOME for (int64_t k = 0; k < depth; k++)
        NAME(add_outer)(kind, rows, columns, sum, factors, kind == BY_COLUMN ? k * columns : k,
                        weights + k * columns * LANES);
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int column = 0; column < columns; column++) sums[row][column] = sum[row][column];
}

#define MULTIPLY(kind, rows, columns)                                                               \
    static NEVER_INLINE void NAME(multiply_##kind##_##rows##_##columns)(                            \
        ROW_SUMS * sums, const REAL *const *a, const REAL *weights, int64_t depth)                  \
    {                                                                                               \
        NAME(multiply)(kind, FITTING(rows, columns), columns, sums, a, weights, depth);             \
    }
#define MULTIPLY_KIND(kind, rows)                                                                   \
    MULTIPLY(kind, rows, 1) MULTIPLY(kind, rows, 2) MULTIPLY(kind, rows, 3) MULTIPLY(kind, rows, 4)
#define MULTIPLY_ROWS(rows)                                                                         \
    MULTIPLY_KIND(PLAIN, rows) MULTIPLY_KIND(BY_COLUMN, rows)
EACH_TILE_ROWS(MULTIPLY_ROWS)
#undef PRODUCTS_OF_PAIRS
#if PAIRED
#define MULTIPLY_PAIRS(rows) MULTIPLY_KIND(PAIRS, rows)
#define PRODUCTS_OF_PAIRS(rows) PRODUCTS_OF(PAIRS, rows)
EACH_TILE_ROWS(MULTIPLY_PAIRS)
#else
#define PRODUCTS_OF_PAIRS(rows) {NULL}
#endif

typedef void (*NAME(Product))(ROW_SUMS *, const REAL *const *, const REAL *, int64_t);

#define PRODUCTS_OF(kind, rows)                                                                     \
    {NAME(multiply_##kind##_##rows##_1), NAME(multiply_##kind##_##rows##_2),                        \
     NAME(multiply_##kind##_##rows##_3), NAME(multiply_##kind##_##rows##_4)}
#define PRODUCTS(rows)                                                                              \
    {PRODUCTS_OF(PLAIN, rows), PRODUCTS_OF(BY_COLUMN, rows), PRODUCTS_OF_PAIRS(rows)},
static const NAME(Product) NAME(PRODUCTS)[TILE_ROWS][KINDS][COLUMNS] = {EACH_TILE_ROWS(PRODUCTS)};

/* sums[row][first + column] += a[row] W for the panel's columns and any number of rows. Advances `a`. Of
   weights that are `far` each tile asks for its share of those that come next; one or two tiles read them
   too fast for that to help. */
static void NAME(add_product)(
    int kind, int64_t rows, int first, int columns, ROW_SUMS *sums, const REAL **a,
    const REAL *weights, int64_t depth, int far)
{
    const int most = most_rows(columns);
    const int64_t tiles = (rows + most - 1) / most;
    for (int64_t start = 0; start < depth; start += DEPTH) {
        const int64_t part = depth - start < DEPTH ? depth - start : DEPTH;
        const int64_t bytes = part * columns * VECTOR_BYTES;
        const int64_t share = far && tiles > 2 ? (bytes / tiles / LINE_BYTES + 1) * LINE_BYTES : 0;
        const char *next = (const char *)weights + bytes;
        int tile;
        for (int64_t row = 0; row < rows; row += tile) {
            tile = tile_rows(rows - row, most);
            prefetch(next, share);
            next += share;
            NAME(PRODUCTS)[tile - 1][kind][columns - 1](
                (ROW_SUMS *)((Vector *)(sums + row) + first), a + row, weights, part);
        }
        for (int64_t row = 0; row < rows; row++) a[row] += kind == BY_COLUMN ? part * columns : part;
        weights += part * columns * LANES;
    }
}

/* How many units a vector that starts at `unit` holds. */
INLINE int64_t NAME(units_from)(int64_t unit, int64_t hidden)
{
    return hidden - unit < LANES ? hidden - unit : LANES;
}

/* One column of a panel: unit by unit a row of `matrix` (rows, size); zero from `units` on. */
static void NAME(pack_column)(const Forward *of, REAL *panel, int column, int columns,
                              const REAL *matrix, int64_t units, int64_t size)
{
    const int pairs = NAME(in_pairs)(of);
    const int64_t depth = NAME(depth_of)(of, size);
    for (int64_t k = 0; k < depth; k++)
        for (int lane = 0; lane < LANES; lane++) {
            const REAL *row = matrix + lane * size;
            REAL *to = panel + (k * columns + column) * LANES + lane;
            if (lane >= units)
                *to = 0;
            else if (pairs)
                *to = NAME(pair)(row[2 * k], 2 * k + 1 < size ? row[2 * k + 1] : 0);
            else
                *to = row[k];
        }
}
