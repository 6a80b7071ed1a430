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

static NEVER_INLINE void NAME(rarely_activated)(int64_t code, Vector *x)
{
    const Vector zero = {0}, one = NAME(all)(1), six = NAME(all)(6);
    Vector below[GROUP];
    switch (code) {
    case RELU: EACH(x[v] = NAME(larger)(x[v], zero)) break;
    case RELU6: EACH(x[v] = NAME(smaller)(NAME(larger)(x[v], zero), six)) break;
    case HARD_SIGMOID: EACH(x[v] = NAME(smaller)(NAME(larger)(x[v] + 3, zero), six) / 6) break;
    case HARD_SIGMOID_KERAS2:
        EACH(x[v] = NAME(smaller)(NAME(larger)(NAME(keras2_line)(x[v]), zero), one)) break;
    case HARD_TANH: EACH(x[v] = NAME(smaller)(NAME(larger)(x[v], -one), one)) break;
    case LEAKY_RELU:
        EACH(x[v] = NAME(where)((Mask)(x[v] > zero), x[v], x[v] * (REAL)LEAKY_SLOPE)) break;
    case ELU:
    case SELU:
        EACH(below[v] = NAME(smaller)(x[v], zero))
        NAME(vector_expm1)(below);
        if (code == SELU) {
            EACH(below[v] *= (REAL)SELU_ALPHA)
            EACH(x[v] = (REAL)SELU_SCALE * NAME(where)((Mask)(x[v] < zero), below[v], x[v]))
        } else
            EACH(x[v] = NAME(where)((Mask)(x[v] > zero), x[v], below[v]))
        break;
    case SOFTSIGN: EACH(x[v] /= 1 + NAME(magnitude)(x[v])) break;
    case EXPONENTIAL: NAME(vector_exp)(x); break;
    case SILU:
        EACH(below[v] = x[v])
        NAME(vector_sigmoid)(below);
        EACH(x[v] *= below[v])
        break;
    default: break;
    }
}

/* Activates a group of vectors in their place. */
INLINE void NAME(activate)(int64_t code, Vector *x)
{
    if (code == TANH)
        NAME(vector_tanh)(x);
    else if (code == SIGMOID)
        NAME(vector_sigmoid)(x);
    else if (code != LINEAR) {
        Vector values[GROUP];
        EACH(values[v] = x[v])
        NAME(rarely_activated)(code, values);
        EACH(x[v] = values[v])
    }
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

static NEVER_INLINE void NAME(rarely_restored)(int64_t code, Vector *kept, Vector *slope)
{
    const Vector zero = {0}, one = NAME(all)(1), sixth = one / 6;
    switch (code) {
    case RELU: EACH(slope[v] = NAME(where)((Mask)(kept[v] > zero), one, zero)) break;
    case RELU6:
        EACH(slope[v] = NAME(where)((Mask)(kept[v] > zero) & (Mask)(kept[v] < 6), one, zero)) break;
    case HARD_SIGMOID:
        EACH(slope[v] = NAME(where)((Mask)(kept[v] > zero) & (Mask)(kept[v] < one), sixth, zero)) break;
    case HARD_SIGMOID_KERAS2:
        EACH(slope[v] = NAME(between)(NAME(keras2_line)(kept[v]), zero, one) * (REAL)0.2)
        NAME(rarely_activated)(code, kept);
        break;
    case HARD_TANH:
        EACH(slope[v] = NAME(between)(kept[v], -one, one))
        NAME(rarely_activated)(code, kept);
        break;
    case LEAKY_RELU:
        EACH(slope[v] = NAME(where)((Mask)(kept[v] > zero), one, NAME(all)((REAL)LEAKY_SLOPE))) break;
    case ELU: EACH(slope[v] = NAME(where)((Mask)(kept[v] > zero), one, kept[v] + 1)) break;
    case SELU:
        EACH(slope[v] = NAME(where)((Mask)(kept[v] < zero), kept[v] + (REAL)(SELU_SCALE * SELU_ALPHA),
                                    NAME(all)((REAL)SELU_SCALE)))
        break;
    case SOFTSIGN:
        EACH(slope[v] = 1 - NAME(magnitude)(kept[v]))
        EACH(slope[v] *= slope[v])
        break;
    case EXPONENTIAL: EACH(slope[v] = kept[v]) break;
    case SILU:
        EACH(slope[v] = kept[v])
        NAME(vector_sigmoid)(slope);
        EACH(const Vector gate = slope[v]; slope[v] = gate * (1 + kept[v] * (1 - gate)); kept[v] *= gate)
        break;
    default: EACH(slope[v] = one) break;
    }
}

/* From what was kept of a group to its values, in their place, and its slopes. */
INLINE void NAME(restore)(int64_t code, Vector *kept, Vector *slope)
{
    if (code == TANH)
        EACH(slope[v] = 1 - kept[v] * kept[v])
    else if (code == SIGMOID)
        EACH(slope[v] = kept[v] * (1 - kept[v]))
    else {
        Vector values[GROUP], slopes[GROUP];
        EACH(values[v] = kept[v])
        NAME(rarely_restored)(code, values, slopes);
        EACH(kept[v] = values[v])
        EACH(slope[v] = slopes[v])
    }
}
