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

/* The smaller, or the larger; `a` where it is no number. */
#if defined(VECTOR_MIN)
INLINE Vector NAME(smaller)(Vector a, Vector b) { return (Vector)VECTOR_MIN(b, a); }
INLINE Vector NAME(larger)(Vector a, Vector b) { return (Vector)VECTOR_MAX(b, a); }
#else
INLINE Vector NAME(smaller)(Vector a, Vector b) { return NAME(where)((Mask)(a > b), b, a); }
INLINE Vector NAME(larger)(Vector a, Vector b) { return NAME(where)((Mask)(a < b), b, a); }
#endif

/* The first `count` lanes of memory; the others are 0. */
INLINE Vector NAME(load_some)(const REAL *from, int64_t count)
{
    if (count >= LANES) return NAME(load)(from);
    Vector value = {0};
    for (int lane = 0; lane < count; lane++) value[lane] = from[lane];
    return value;
}

INLINE void NAME(store_some)(REAL *to, Vector value, int64_t count)
{
    if (count >= LANES)
        NAME(store)(to, value);
    else
        for (int lane = 0; lane < count; lane++) to[lane] = value[lane];
}

/* Zero from lane `count` on. */
INLINE Vector NAME(first_lanes)(Vector value, int64_t count)
{
    for (int64_t lane = count < 0 ? 0 : count; lane < LANES; lane++) value[lane] = 0;
    return value;
}

/* a / b where neither b nor 1 / b overflows. */
#if defined(__AVX512F__) && VECTOR_BYTES == 64 && MANTISSA == 23
INLINE Vector NAME(quotient)(Vector a, Vector b)
{
    /* 14 bits, a step of Newton, and the remainder: a division takes many times as long. */
    Vector inverse = (Vector)_mm512_rcp14_ps((__m512)b);
    inverse = inverse * (2 - b * inverse);
    const Vector first = a * inverse;
    return first + inverse * (a - b * first);
}
#else
INLINE Vector NAME(quotient)(Vector a, Vector b) { return a / b; }
#endif

/* exp(x) - 1 = 2^n p + (2^n - 1), where x = n ln 2 + r and p = exp(r) - 1: gives p and 2^n.
   Cody and Waite's reduction in two parts; the series of exp, as long as the precision needs.
   Rounding by adding 1.5 * 2^(bits of the mantissa): n ends up in the low bits of the sum. */
INLINE Vector NAME(reduced_exp)(Vector x, Vector *power)
{
    const Vector shifted = x * NAME(all)((REAL)1.4426950408889634074) + NAME(all)(ROUNDER);
    const Vector n = shifted - NAME(all)(ROUNDER);
    Vector r = x - n * NAME(all)((REAL)LN2_HIGH);
    r = r - n * NAME(all)((REAL)LN2_LOW);
    *power = (Vector)(((Mask)shifted << MANTISSA) + (Mask)NAME(all)(1));
    Vector series = NAME(all)((REAL)NAME(INVERSE_FACTORIALS)[0]);
    for (unsigned term = 1; term < sizeof NAME(INVERSE_FACTORIALS) / sizeof(REAL); term++)
        series = series * r + NAME(all)(NAME(INVERSE_FACTORIALS)[term]);
    return series * (r * r) + r;
}

INLINE Vector NAME(vector_exp)(Vector x)
{
    Vector power;
    const Vector within = NAME(larger)(NAME(smaller)(x, NAME(all)(EXP_HIGHEST)), NAME(all)(EXP_LOWEST));
    const Vector p = NAME(reduced_exp)(within, &power);
    const Vector value = power * p + power;
    return NAME(where)((Mask)(x > NAME(all)(EXP_HIGHEST)), NAME(all)((REAL)INFINITY), value);
}

INLINE Vector NAME(magnitude)(Vector x)
{
    return (Vector)((Mask)x & ~(Mask)NAME(all)((REAL)-0.0));
}

/* exp(x) - 1 for an x whose exponential is finite: no digits cancel, however small x is. */
INLINE Vector NAME(vector_expm1)(Vector x)
{
    Vector power;
    const Vector p = NAME(reduced_exp)(NAME(larger)(x, NAME(all)(EXP_LOWEST)), &power);
    return power * p + (power - 1);
}

/* tanh x = E / (E + 2) with E = exp(2 x) - 1. */
INLINE Vector NAME(vector_tanh)(Vector x)
{
    const Vector ends = NAME(all)(TANH_IS_ONE);
    const Vector within = NAME(larger)(NAME(smaller)(x, ends), -ends);
    Vector power;
    const Vector p = NAME(reduced_exp)(within + within, &power);
    const Vector e = power * p + (power - 1);
    return NAME(quotient)(e, e + 2);
}

INLINE Vector NAME(vector_sigmoid)(Vector x)
{
    const Vector ends = NAME(all)(SIGMOID_ENDS);
    Vector power;
    const Vector p = NAME(reduced_exp)(NAME(larger)(NAME(smaller)(-x, ends), -ends), &power);
    return NAME(quotient)(NAME(all)(1), power * p + (power + 1));
}
