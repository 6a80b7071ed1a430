/* Factors of products in bfloat16: two numbers in the place of one, the second of an odd number is zero.
   Sums stay in the kernel's precision. Nothing of it runs where PAIRED is 0. */

/* Whether a direction's factors are. */
INLINE int NAME(in_pairs)(const Forward *of) { return PAIRED && of->bfloat16; }

/* How many places `size` factors take. */
INLINE int64_t NAME(depth_of)(const Forward *of, int64_t size)
{
    return NAME(in_pairs)(of) ? (size + 1) / 2 : size;
}

/* The places of `size` numbers in pairs, in whole vectors. */
INLINE int64_t NAME(paired_width)(int64_t size) { return vectors_of(size, 2 * LANES) * LANES; }

#if PAIRED
/* sum + the products of both numbers of each pair */
INLINE Vector NAME(add_pairs)(Vector sum, Vector a, Vector b)
{
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
}

/* Both vectors rounded, neighbours in pairs. */
INLINE Vector NAME(paired)(Vector first, Vector second)
{
    Vector pairs;
    __asm__("vcvtne2ps2bf16 %1, %2, %0" : "=v"(pairs) : "v"(first), "v"(second));
    return pairs;
}

/* Rounded to the nearest bfloat16, of two the even one; what is no number stays none. */
INLINE uint32_t NAME(rounded_bits)(REAL value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return value == value ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : bits >> 16 | 0x40;
}

INLINE REAL NAME(pair)(REAL first, REAL second)
{
    const uint32_t bits = NAME(rounded_bits)(first) | NAME(rounded_bits)(second) << 16;
    REAL pair;
    memcpy(&pair, &bits, sizeof pair);
    return pair;
}
#else
INLINE Vector NAME(add_pairs)(Vector sum, Vector a, Vector b) { return (void)a, (void)b, sum; }
INLINE Vector NAME(paired)(Vector first, Vector second) { return (void)second, first; }
INLINE REAL NAME(pair)(REAL first, REAL second) { return (void)second, first; }
#endif

/* `count` numbers in pairs: writes the places of `paired_width`. */
INLINE void NAME(pair_up)(const REAL *from, int64_t count, REAL *to)
{
    for (; count > 0; from += 2 * LANES, count -= 2 * LANES, to += LANES)
        NAME(store)(to, NAME(paired)(NAME(load_some)(from, count),
                                     NAME(load_some)(from + LANES, count - LANES)));
}
