/* Vectors of one precision, and the functions of them. Included once a precision, with REAL, BITS
   (an integer as wide) and NAME(x) defined. */

enum { NAME(LANES) = VECTOR_BYTES / sizeof(REAL) };
#define LANES ((int)NAME(LANES))

typedef REAL NAME(Vector) __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL NAME(Unaligned) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
typedef BITS NAME(Mask) __attribute__((vector_size(VECTOR_BYTES)));
#define Vector NAME(Vector)
#define Mask NAME(Mask)

INLINE Vector NAME(load)(const REAL *from) { return *(const NAME(Unaligned) *)from; }
INLINE void NAME(store)(REAL *to, Vector value) { *(NAME(Unaligned) *)to = value; }
INLINE Vector NAME(all)(REAL value) { return value - (Vector){0}; }

INLINE Vector NAME(where)(Mask condition, Vector yes, Vector no)
{
    return (Vector)(((Mask)yes & condition) | ((Mask)no & ~condition));
}

/* Stores what is not read again soon: past the caches where the processor can. */
INLINE void NAME(stream)(REAL *to, Vector value)
{
#if defined(VECTOR_STREAM)
    if ((uintptr_t)to % VECTOR_BYTES == 0) {
        VECTOR_STREAM(to, value);
        return;
    }
#endif
    NAME(store)(to, value);
}

/* The smaller, or the larger; `a` where it is no number. */
#if defined(VECTOR_MIN)
INLINE Vector NAME(smaller)(Vector a, Vector b) { return (Vector)VECTOR_MIN(b, a); }
INLINE Vector NAME(larger)(Vector a, Vector b) { return (Vector)VECTOR_MAX(b, a); }
#else
INLINE Vector NAME(smaller)(Vector a, Vector b) { return NAME(where)((Mask)(a > b), b, a); }
INLINE Vector NAME(larger)(Vector a, Vector b) { return NAME(where)((Mask)(a < b), b, a); }
#endif

static NEVER_INLINE Vector NAME(load_tail)(const REAL *from, int64_t count)
{
    Vector value = {0};
    for (int lane = 0; lane < count; lane++) value[lane] = from[lane];
    return value;
}

static NEVER_INLINE void NAME(store_tail)(REAL *to, Vector value, int64_t count)
{
    for (int lane = 0; lane < count; lane++) to[lane] = value[lane];
}

/* The first `count` lanes of memory; the others are 0. */
INLINE Vector NAME(load_some)(const REAL *from, int64_t count)
{
    return count >= LANES ? NAME(load)(from) : NAME(load_tail)(from, count);
}

INLINE void NAME(store_some)(REAL *to, Vector value, int64_t count)
{
    if (count >= LANES)
        NAME(store)(to, value);
    else
        NAME(store_tail)(to, value, count);
}

INLINE void NAME(stream_some)(REAL *to, Vector value, int64_t count)
{
    if (count >= LANES)
        NAME(stream)(to, value);
    else
        NAME(store_tail)(to, value, count);
}

/* Zero from lane `count` on. */
static NEVER_INLINE Vector NAME(first_lanes)(Vector value, int64_t count)
{
    for (int64_t lane = count < 0 ? 0 : count; lane < LANES; lane++) value[lane] = 0;
    return value;
}

/* exp(s x) - 1 = 2^n p + (2^n - 1), where s x = n ln 2 + s r and p = exp(s r) - 1: gives p and 2^n. The
   polynomial's coefficients hold the scale s. Rounding by adding 1.5 * 2^(bits of the mantissa): n ends up
   in the low bits of the sum. */
INLINE void NAME(reduced_exp)(const REAL scale, const Vector *x, Vector *p, Vector *power)
{
    Vector shifted[GROUP], n[GROUP], r[GROUP];
    EACH(shifted[v] = x[v] * NAME(all)(scale * (REAL)1.4426950408889634074) + NAME(all)(ROUNDER))
    EACH(n[v] = shifted[v] - NAME(all)(ROUNDER))
    if (scale != 1 && HAS_FMA) /* n times the error of LN2 is harmless where the result is bounded */
        EACH(r[v] = x[v] - n[v] * NAME(all)((REAL)LN2 / scale))
    else {
        EACH(r[v] = x[v] - n[v] * NAME(all)((REAL)LN2_HIGH / scale))
        EACH(r[v] = r[v] - n[v] * NAME(all)((REAL)LN2_LOW / scale))
    }
    EACH(power[v] = (Vector)(((Mask)shifted[v] << MANTISSA) + (Mask)NAME(all)(1)))
    const int terms = sizeof NAME(SERIES) / sizeof(REAL);
    REAL factor = scale;
    for (int term = 0; term < terms; term++) factor *= scale;
    EACH(p[v] = NAME(all)(NAME(SERIES)[0] * factor))
    UNROLL for (int term = 1; term < terms; term++) {
        factor /= scale;
        EACH(p[v] = p[v] * r[v] + NAME(all)(NAME(SERIES)[term] * factor))
    }
    EACH(p[v] = p[v] * (r[v] * r[v]) + r[v] * scale)
}

INLINE Vector NAME(clamped)(Vector x, REAL low, REAL high)
{
    return NAME(larger)(NAME(smaller)(x, NAME(all)(high)), NAME(all)(low));
}

INLINE void NAME(vector_exp)(Vector *x)
{
    Vector within[GROUP], p[GROUP], power[GROUP];
    EACH(within[v] = NAME(clamped)(x[v], EXP_LOWEST, EXP_HIGHEST))
    NAME(reduced_exp)(1, within, p, power);
    EACH(p[v] = power[v] * p[v] + power[v])
    EACH(x[v] = NAME(where)((Mask)(x[v] > NAME(all)(EXP_HIGHEST)), NAME(all)((REAL)INFINITY), p[v]))
}

INLINE Vector NAME(magnitude)(Vector x)
{
    return (Vector)((Mask)x & ~(Mask)NAME(all)((REAL)-0.0));
}

/* exp(x) - 1 for an x whose exponential is finite: no digits cancel, however small x is. */
INLINE void NAME(vector_expm1)(Vector *x)
{
    Vector p[GROUP], power[GROUP];
    EACH(x[v] = NAME(larger)(x[v], NAME(all)(EXP_LOWEST)))
    NAME(reduced_exp)(1, x, p, power);
    EACH(x[v] = power[v] * p[v] + (power[v] - 1))
}

/* tanh x = E / (E + 2) with E = exp(2 x) - 1. */
INLINE void NAME(vector_tanh)(Vector *x)
{
    Vector p[GROUP], power[GROUP];
    EACH(x[v] = NAME(clamped)(x[v], -TANH_IS_ONE, TANH_IS_ONE))
    NAME(reduced_exp)(2, x, p, power);
    EACH(p[v] = power[v] * p[v] + (power[v] - 1))
    EACH(x[v] = p[v] / (p[v] + 2))
}

/* 1 / (1 + exp(-x)) */
INLINE void NAME(vector_sigmoid)(Vector *x)
{
    Vector p[GROUP], power[GROUP];
    EACH(x[v] = NAME(clamped)(x[v], -SIGMOID_ENDS, SIGMOID_ENDS))
    NAME(reduced_exp)(-1, x, p, power);
    EACH(x[v] = 1 / (power[v] * p[v] + (power[v] + 1)))
}
