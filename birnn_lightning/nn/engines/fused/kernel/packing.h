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
#endif

typedef struct {
    int64_t units;   /* vectors of units */
    int64_t panels;  /* of all gates: one a vector of units; of one gate: one for COLUMNS of them */
    REAL *inputs, *state, *candidate, *bias;
} NAME(Packed);

INLINE int64_t NAME(panels_of_one_gate)(int64_t units) { return (units + COLUMNS - 1) / COLUMNS; }

/* How many vectors of units a panel of one gate has. */
INLINE int NAME(panel_columns)(int64_t units, int64_t panel)
{
    const int64_t rest = units - panel * COLUMNS;
    return rest < COLUMNS ? (int)rest : COLUMNS;
}

/* The gates of the vector of units number `panel`. */
static void NAME(pack_gates)(
    REAL *to, const REAL *weights, const int *gates, int columns, int64_t panel, int64_t hidden,
    int64_t depth)
{
    const int64_t unit = panel * LANES;
    for (int column = 0; column < columns; column++)
        NAME(pack_column)(
            to, column, columns, weights + (gates[column] * hidden + unit) * depth,
            NAME(units_from)(unit, hidden), depth);
}

/* Several vectors of units of one gate. */
static void NAME(pack_units)(
    REAL *to, const REAL *weights, int64_t panel, int64_t units, int64_t hidden, int64_t depth)
{
    const int columns = NAME(panel_columns)(units, panel);
    for (int column = 0; column < columns; column++) {
        const int64_t unit = (panel * COLUMNS + column) * LANES;
        NAME(pack_column)(
            to, column, columns, weights + unit * depth, NAME(units_from)(unit, hidden), depth);
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
    const int64_t hidden = of->hidden_size;
    const REAL *ih = of->weight_ih, *hh = of->weight_hh;
    NAME(pack_bias)(of, packed->bias + panel * COLUMNS * LANES, panel);
    if (of->cell == RNN) {
        if (panel >= NAME(panels_of_one_gate)(packed->units)) return;
        const int64_t before = panel * COLUMNS * LANES;
        if (packed->inputs)
            NAME(pack_units)(packed->inputs + before * of->input_size, ih, panel, packed->units, hidden,
                             of->input_size);
        NAME(pack_units)(packed->state + before * hidden, hh, panel, packed->units, hidden, hidden);
        return;
    }
    const int gates = GATES[of->cell], state_gates = STATE_GATE_COUNT[of->cell];
    if (packed->inputs)
        NAME(pack_gates)(packed->inputs + panel * gates * LANES * of->input_size, ih,
                         INPUT_GATES[of->cell], gates, panel, hidden, of->input_size);
    NAME(pack_gates)(packed->state + panel * state_gates * LANES * hidden, hh, STATE_GATES[of->cell],
                     state_gates, panel, hidden, hidden);
    if (packed->candidate && panel < NAME(panels_of_one_gate)(packed->units))
        NAME(pack_units)(packed->candidate + panel * COLUMNS * LANES * hidden,
                         hh + CANDIDATE * hidden * hidden, panel, packed->units, hidden, hidden);
}

/* Weights (gates * hidden, width) transposed for products with gate gradients, in the order of their blocks:
   [panel of the width][block][hidden][columns][lane]. */
static void NAME(pack_backward)(const Forward *of, const REAL *weights, REAL *to, int64_t panel,
                                int64_t width, const int *order)
{
    const int64_t hidden = of->hidden_size, first = panel * COLUMNS * LANES;
    const int columns = NAME(panel_columns)(vectors_of(width, LANES), panel);
    const int gates = GATES[of->cell];
    to += first * gates * hidden;
    for (int block = 0; block < gates; block++)
        for (int64_t k = 0; k < hidden; k++) {
            const REAL *row = weights + (order[block] * hidden + k) * width + first;
            for (int64_t lane = 0; lane < columns * LANES; lane++)
                *to++ = first + lane < width ? row[lane] : 0;
        }
}
