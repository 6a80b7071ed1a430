/* Keras's activations and their slopes; their formulas and their slopes at kinks are those of
   `birnn_lightning.nn.activations`. The numbers are those of `ACTIVATIONS` in `calls.py`. */

#ifndef ACTIVATION_CODES
#define ACTIVATION_CODES
enum {
    LINEAR, TANH, SIGMOID, RELU, HARD_SIGMOID, HARD_SIGMOID_KERAS2, HARD_TANH, RELU6, LEAKY_RELU,
    ELU, SELU, SOFTSIGN, EXPONENTIAL, SILU
};
#endif

/* 0.2 x + 0.5, rounded twice: a fused product and sum would move the kinks. */
INLINE Vector NAME(keras2_line)(Vector x)
{
    Vector product = (REAL)0.2 * x;
    OPAQUE(product);
    return product + (REAL)0.5;
}

static NEVER_INLINE Vector NAME(rarely_activated)(int64_t code, Vector x)
{
    const Vector zero = {0}, one = NAME(all)(1);
    switch (code) {
    case RELU: return NAME(larger)(x, zero);
    case RELU6: return NAME(smaller)(NAME(larger)(x, zero), NAME(all)(6));
    case HARD_SIGMOID: return NAME(smaller)(NAME(larger)(x + 3, zero), NAME(all)(6)) / 6;
    case HARD_SIGMOID_KERAS2:
        return NAME(smaller)(NAME(larger)(NAME(keras2_line)(x), zero), one);
    case HARD_TANH: return NAME(smaller)(NAME(larger)(x, -one), one);
    case LEAKY_RELU: return NAME(where)((Mask)(x > zero), x, x * (REAL)LEAKY_SLOPE);
    case ELU: return NAME(where)((Mask)(x > zero), x, NAME(vector_expm1)(NAME(smaller)(x, zero)));
    case SELU: {
        const Vector below = (REAL)SELU_ALPHA * NAME(vector_expm1)(NAME(smaller)(x, zero));
        return (REAL)SELU_SCALE * NAME(where)((Mask)(x < zero), below, x);
    }
    case SOFTSIGN: return x / (1 + NAME(magnitude)(x));
    case EXPONENTIAL: return NAME(vector_exp)(x);
    case SILU: return x * NAME(vector_sigmoid)(x);
    default: return x;
    }
}

INLINE Vector NAME(activated)(int64_t code, Vector x)
{
    if (code == TANH) return NAME(vector_tanh)(x);
    if (code == SIGMOID) return NAME(vector_sigmoid)(x);
    return NAME(rarely_activated)(code, x);
}

/* Whether the slope needs the input: what is kept for the backward pass is then that. */
INLINE int NAME(keeps_input)(int64_t code)
{
    return code == HARD_TANH || code == HARD_SIGMOID_KERAS2 || code == SILU;
}

INLINE Vector NAME(kept)(int64_t code, Vector x, Vector value)
{
    return NAME(keeps_input)(code) ? x : value;
}

INLINE Vector NAME(between)(Vector x, Vector low, Vector high)
{
    const Mask inside = (Mask)(x >= low) & (Mask)(x <= high);
    return NAME(where)(inside, NAME(all)(1), (Vector){0});
}

static NEVER_INLINE Vector NAME(rarely_restored)(int64_t code, Vector kept, Vector *slope)
{
    const Vector zero = {0}, one = NAME(all)(1);
    switch (code) {
    case RELU: *slope = NAME(where)((Mask)(kept > zero), one, zero); return kept;
    case RELU6:
        *slope = NAME(where)((Mask)(kept > zero) & (Mask)(kept < 6), one, zero);
        return kept;
    case HARD_SIGMOID:
        *slope = NAME(where)((Mask)(kept > zero) & (Mask)(kept < one), one / 6, zero);
        return kept;
    case HARD_SIGMOID_KERAS2: {
        const Vector line = NAME(keras2_line)(kept);
        *slope = NAME(between)(line, zero, one) * (REAL)0.2;
        return NAME(activated)(code, kept);
    }
    case HARD_TANH:
        *slope = NAME(between)(kept, -one, one);
        return NAME(activated)(code, kept);
    case LEAKY_RELU:
        *slope = NAME(where)((Mask)(kept > zero), one, NAME(all)((REAL)LEAKY_SLOPE));
        return kept;
    case ELU:
        *slope = NAME(where)((Mask)(kept > zero), one, kept + 1);
        return kept;
    case SELU: {
        const Vector below = kept + (REAL)(SELU_SCALE * SELU_ALPHA);
        *slope = NAME(where)((Mask)(kept < zero), below, NAME(all)((REAL)SELU_SCALE));
        return kept;
    }
    case SOFTSIGN: {
        const Vector rest = 1 - NAME(magnitude)(kept);
        *slope = rest * rest;
        return kept;
    }
    case EXPONENTIAL: *slope = kept; return kept;
    case SILU: {
        const Vector gate = NAME(vector_sigmoid)(kept);
        *slope = gate * (1 + kept * (1 - gate));
        return kept * gate;
    }
    default: *slope = one; return kept;
    }
}

/* Value and slope from what was kept. */
INLINE Vector NAME(restored)(int64_t code, Vector kept, Vector *slope)
{
    if (code == TANH) {
        *slope = 1 - kept * kept;
        return kept;
    }
    if (code == SIGMOID) {
        *slope = kept * (1 - kept);
        return kept;
    }
    return NAME(rarely_restored)(code, kept, slope);
}
