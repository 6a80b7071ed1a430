/* Weights as panels: the columns of a panel are the gates of one vector of units, or several vectors of
   units of one gate, packed as [depth][columns][lane] so that a product reads them in order. */

/* Torch's gate blocks in the order of a tile's sums: those of the inputs from column 0 on, those of the
   state from STATE_COLUMN on. The GRU's sums are n_x r z n_h. */
#ifndef GATE_ORDERS
#define GATE_ORDERS
static const int INPUT_GATES[][COLUMNS] = {{0}, {0, 1, 2, 3}, {2, 0, 1}, {2, 0, 1}};
static const int STATE_GATES[][COLUMNS] = {{0}, {0, 1, 2, 3}, {0, 1, 2}, {0, 1}};
static const int STATE_GATE_COUNT[] = {1, 4, 3, 2};
static const int STATE_COLUMN[] = {0, 0, 1, 1};
enum { CANDIDATE = 2 };

/* The gate of the recurrent weights whose gradient is block number `block`; with reset_after the block after
   that. */
INLINE int state_gate_of(int64_t cell, int block)
{
    return cell == GRU_RESET_AFTER ? STATE_GATES[cell][block] : INPUT_GATES[cell][block];
}
#endif

INLINE int64_t NAME(padded_size)(int64_t size) { return vectors_of(size, LANES) * LANES; }

typedef struct {
    int64_t units;   /* vectors of units */
    REAL *inputs, *state, *candidate, *bias;
} NAME(Packed);

/* Whether the weights of a direction are too many for the nearer caches, in which each step looks for them. */
INLINE int NAME(weights_are_far)(const Forward *of)
{
    const int64_t depth = NAME(depth_of)(of, of->input_size) + NAME(depth_of)(of, of->hidden_size);
    return GATES[of->cell] * of->hidden_size * depth * (int64_t)sizeof(REAL) > FAR_BYTES;
}

INLINE int64_t NAME(panels_of_one_gate)(int64_t units) { return (units + COLUMNS - 1) / COLUMNS; }

/* How many vectors of units a panel of one gate has. */
INLINE int NAME(panel_columns)(int64_t units, int64_t panel)
{
    const int64_t rest = units - panel * COLUMNS;
    return rest < COLUMNS ? (int)rest : COLUMNS;
}

/* The gates of the vector of units number `panel`. */
static void NAME(pack_gates)(const Forward *of, REAL *to, const REAL *weights, const int *gates,
                             int columns, int64_t panel, int64_t size)
{
    const int64_t unit = panel * LANES, hidden = of->hidden_size;
    for (int column = 0; column < columns; column++)
        NAME(pack_column)(of, to, column, columns, weights + (gates[column] * hidden + unit) * size,
                          NAME(units_from)(unit, hidden), size);
}

/* Several vectors of units of one gate. */
static void NAME(pack_units)(const Forward *of, REAL *to, const REAL *weights, int64_t panel,
                             int64_t units, int64_t size)
{
    const int columns = NAME(panel_columns)(units, panel);
    for (int column = 0; column < columns; column++) {
        const int64_t unit = (panel * COLUMNS + column) * LANES;
        NAME(pack_column)(of, to, column, columns, weights + unit * size,
                          NAME(units_from)(unit, of->hidden_size), size);
    }
}

static REAL NAME(bias_of)(const Forward *of, const void *bias, int gate, int64_t unit)
{
    return bias ? ((const REAL *)bias)[gate * of->hidden_size + unit] : 0;
}

/* Biases as [vector of units][column][lane]; the RNN has one column. */
static void NAME(pack_bias)(const Forward *of, REAL *to, int64_t panel)
{
    for (int lane = 0; lane < LANES; lane++) {
        const int64_t unit = panel * LANES + lane;
        for (int column = 0; column < COLUMNS; column++) {
            REAL sum = 0;
            if (unit < of->hidden_size) {
                if (column < GATES[of->cell])
                    sum += NAME(bias_of)(of, of->bias_ih, INPUT_GATES[of->cell][column], unit);
                const int state = column - STATE_COLUMN[of->cell];
                if (state >= 0 && state < STATE_GATE_COUNT[of->cell])
                    sum += NAME(bias_of)(of, of->bias_hh, STATE_GATES[of->cell][state], unit);
            }
            to[column * LANES + lane] = sum;
        }
    }
}

/* Panel number `panel` of everything that a direction multiplies with. */
static void NAME(pack_forward)(const Forward *of, const NAME(Packed) *packed, int64_t panel)
{
    const int64_t hidden = of->hidden_size, input_depth = NAME(depth_of)(of, of->input_size);
    const int64_t depth = NAME(depth_of)(of, hidden);
    const REAL *ih = of->weight_ih, *hh = of->weight_hh;
    NAME(pack_bias)(of, packed->bias + panel * COLUMNS * LANES, panel);
    if (of->cell == RNN) {
        if (panel >= NAME(panels_of_one_gate)(packed->units)) return;
        const int64_t before = panel * COLUMNS * LANES;
        if (packed->inputs)
            NAME(pack_units)(of, packed->inputs + before * input_depth, ih, panel, packed->units,
                             of->input_size);
        NAME(pack_units)(of, packed->state + before * depth, hh, panel, packed->units, hidden);
        return;
    }
    const int gates = GATES[of->cell], state_gates = STATE_GATE_COUNT[of->cell];
    if (packed->inputs)
        NAME(pack_gates)(of, packed->inputs + panel * gates * LANES * input_depth, ih,
                         INPUT_GATES[of->cell], gates, panel, of->input_size);
    NAME(pack_gates)(of, packed->state + panel * state_gates * LANES * depth, hh,
                     STATE_GATES[of->cell], state_gates, panel, hidden);
    if (packed->candidate && panel < NAME(panels_of_one_gate)(packed->units))
        NAME(pack_units)(of, packed->candidate + panel * COLUMNS * LANES * depth,
                         hh + CANDIDATE * hidden * hidden, panel, packed->units, hidden);
}

/* Weights (gates * hidden, width) transposed for products with gate gradients, in the order of their blocks:
   [panel of the width][block][depth of hidden][columns][lane]. */
static void NAME(pack_backward)(const Forward *of, const REAL *weights, REAL *to, int64_t panel,
                                int64_t width, const int *order)
{
    const int64_t hidden = of->hidden_size, first = panel * COLUMNS * LANES;
    const int columns = NAME(panel_columns)(vectors_of(width, LANES), panel);
    const int gates = GATES[of->cell], pairs = NAME(in_pairs)(of);
    const int64_t depth = NAME(depth_of)(of, hidden);
    to += first * gates * depth;
    for (int block = 0; block < gates; block++)
        for (int64_t k = 0; k < depth; k++) {
            const int64_t unit = pairs ? 2 * k : k;
            const REAL *row = weights + (order[block] * hidden + unit) * width + first;
            for (int column = 0; column < columns; column++, to += LANES) {
                const int64_t at = column * LANES, rest = width - first - at;
                Vector weight = NAME(load_some)(row + at, rest);
                if (pairs) {
                    Vector next = {0};
                    if (unit + 1 < hidden) next = NAME(load_some)(row + width + at, rest);
                    for (int lane = 0; lane < LANES; lane++)
                        weight[lane] = NAME(pair)(weight[lane], next[lane]);
                }
                NAME(store)(to, weight);
            }
        }
}
