/* Matrix products of a tile: a few rows times a panel of at most COLUMNS vectors, summed in registers. */

#define ROW_SUMS NAME(RowSums)
typedef Vector ROW_SUMS[COLUMNS];

/* sums[row] += a[row] W, where W is packed as [depth][columns][lane]. With `by_column` every column has
   a left factor of its own: a[row] is [depth][columns]. */
INLINE void NAME(multiply)(
    const int by_column, const int rows, const int columns, ROW_SUMS *sums, const REAL *const *a,
    const REAL *weights, int64_t depth)
{
    const REAL *source[TILE_ROWS];
    Vector sum[TILE_ROWS][COLUMNS];
    UNROLL for (int row = 0; row < rows; row++) {
        source[row] = a[row];
        UNROLL for (int column = 0; column < columns; column++) sum[row][column] = sums[row][column];
    }
    for (int64_t k = 0; k < depth; k++, weights += columns * LANES) {
        Vector weight[COLUMNS];
        UNROLL for (int column = 0; column < columns; column++)
            weight[column] = NAME(load)(weights + column * LANES);
        UNROLL for (int row = 0; row < rows; row++) {
            UNROLL for (int column = 0; column < columns; column++) {
                const int64_t at = by_column ? k * columns + column : k;
                sum[row][column] += NAME(all)(source[row][at]) * weight[column];
            }
        }
    }
    UNROLL for (int row = 0; row < rows; row++)
        UNROLL for (int column = 0; column < columns; column++) sums[row][column] = sum[row][column];
}

#define MULTIPLY(by_column, rows, columns)                                                          \
    static NEVER_INLINE void NAME(multiply_##by_column##_##rows##_##columns)(                       \
        ROW_SUMS * sums, const REAL *const *a, const REAL *weights, int64_t depth)                  \
    {                                                                                               \
        NAME(multiply)(by_column, rows, columns, sums, a, weights, depth);                          \
    }
#define MULTIPLY_ROWS(rows)                                                                         \
    MULTIPLY(0, rows, 1) MULTIPLY(0, rows, 2) MULTIPLY(0, rows, 3) MULTIPLY(0, rows, 4)             \
    MULTIPLY(1, rows, 1) MULTIPLY(1, rows, 2) MULTIPLY(1, rows, 3) MULTIPLY(1, rows, 4)
EACH_TILE_ROWS(MULTIPLY_ROWS)

typedef void (*NAME(Product))(ROW_SUMS *, const REAL *const *, const REAL *, int64_t);

#define PRODUCTS(rows)                                                                              \
    {{NAME(multiply_0_##rows##_1), NAME(multiply_0_##rows##_2), NAME(multiply_0_##rows##_3),        \
      NAME(multiply_0_##rows##_4)},                                                                 \
     {NAME(multiply_1_##rows##_1), NAME(multiply_1_##rows##_2), NAME(multiply_1_##rows##_3),        \
      NAME(multiply_1_##rows##_4)}},
static const NAME(Product) NAME(PRODUCTS)[TILE_ROWS][2][COLUMNS] = {EACH_TILE_ROWS(PRODUCTS)};

/* sums[row][first + column] += a[row] W for the panel's columns and any number of rows. Advances `a`. */
static void NAME(add_product)(
    int by_column, int64_t rows, int first, int columns, ROW_SUMS *sums, const REAL **a,
    const REAL *weights, int64_t depth)
{
    for (int64_t start = 0; start < depth; start += DEPTH) {
        const int64_t part = depth - start < DEPTH ? depth - start : DEPTH;
        int tile;
        for (int64_t row = 0; row < rows; row += tile) {
            tile = tile_rows(rows, row);
            NAME(PRODUCTS)[tile - 1][by_column][columns - 1](
                (ROW_SUMS *)((Vector *)(sums + row) + first), a + row, weights, part);
        }
        for (int64_t row = 0; row < rows; row++) a[row] += by_column ? part * columns : part;
        weights += part * columns * LANES;
    }
}

/* How many units a vector that starts at `unit` holds. */
INLINE int64_t NAME(units_from)(int64_t unit, int64_t hidden)
{
    return hidden - unit < LANES ? hidden - unit : LANES;
}

/* One column of a panel: unit by unit a row of `matrix` (rows, depth); zero from `units` on. */
static void NAME(pack_column)(
    REAL *panel, int column, int columns, const REAL *matrix, int64_t units, int64_t depth)
{
    for (int64_t k = 0; k < depth; k++)
        for (int lane = 0; lane < LANES; lane++)
            panel[(k * columns + column) * LANES + lane] = lane < units ? matrix[lane * depth + k] : 0;
}
