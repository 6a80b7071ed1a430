/* Recurrent layers on a CPU: a tile of rows goes through a step at a time, all gates of a unit in
   registers, inputs and state multiplied in one sum. The instruction set is that of the compiler's
   flags; VECTOR_BYTES says how long its vectors are. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "interface.h"

#define INLINE static inline __attribute__((always_inline))
#define NEVER_INLINE __attribute__((noinline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_SOME _Pragma("clang loop unroll_count(4)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#define UNROLL_SOME _Pragma("GCC unroll 4")
#endif

/* Hides from the compiler what a vector is made of. */
#if defined(__x86_64__)
#define OPAQUE(vector) __asm__("" : "+x"(vector))
#elif defined(__aarch64__)
#define OPAQUE(vector) __asm__("" : "+w"(vector))
#else
#define OPAQUE(vector) __asm__("" : "+m"(vector))
#endif

#if defined(_OPENMP)
#define AS_PRAGMA(text) _Pragma(#text)
#define PARALLEL_FOR(count) AS_PRAGMA(omp parallel for schedule(dynamic, 1) num_threads(count) if (count > 1))
#else
#define PARALLEL_FOR(count)
#endif

enum { COLUMNS = 4, MAX_TASK_ROWS = 64, BLOCK_TOKENS = 256, LINE_BYTES = 64, PAGE_BYTES = 4096 };
/* From here on an array is large: see `expect_large`. */
enum { LARGE_BYTES = 16 << 20 };
/* So much of a panel is used for all rows while it is in the nearest cache: in depth, and in bytes of gate
   gradients. */
enum { DEPTH = 64, NEAR_BYTES = 16384 };
/* Weights of a direction that are larger stay in a cache farther away: see `add_product`. */
enum { FAR_BYTES = 1 << 20 };
/* Larger input weights, by row, are read once for several steps: see `goes_ahead`. */
enum { AHEAD_BYTES = 32768 };
/* What the factors of a product are: see `add_outer`. */
enum { PLAIN, BY_COLUMN, PAIRS, KINDS };

/* As many sums of a tile as there are registers for: see `most_rows` and `add_outer`. */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { TILE_SUMS = 24, GROUP = 4 };
#else
enum { TILE_SUMS = 12, GROUP = 2 };
#endif
enum { TILE_ROWS = 6 };
#define EACH_TILE_ROWS(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6)

/* Whether a product and a sum are rounded once. */
#if defined(__FMA__) || defined(__aarch64__)
enum { HAS_FMA = 1 };
#else
enum { HAS_FMA = 0 };
#endif

/* Products of bfloat16 numbers: for processors that have them, whatever the rest is compiled for. */
#if defined(__AVX512BW__) && defined(__AVX512VL__) && (defined(__clang__) || __GNUC__ >= 11)
#define HAS_BFLOAT16 1
int birnn_multiplies_bfloat16(void) { return __builtin_cpu_supports("avx512bf16") != 0; }
#else
#define HAS_BFLOAT16 0
int birnn_multiplies_bfloat16(void) { return 0; }
#endif

#define LEAKY_SLOPE 0.20000000298023224
#define SELU_ALPHA 1.6732632423543772848170429916717
#define SELU_SCALE 1.0507009873554804934193349852946

#include "groups.h"
#include "processor.h"
#include "batches.h"

/* PRECISION says which of both is compiled; without it both are. */
#if !defined(PRECISION) || PRECISION == 32
#if defined(__AVX512F__)
#define VECTOR_MIN(a, b) _mm512_min_ps((__m512)(a), (__m512)(b))
#define VECTOR_MAX(a, b) _mm512_max_ps((__m512)(a), (__m512)(b))
#define VECTOR_STREAM(to, value) _mm512_stream_ps(to, (__m512)(value))
#elif defined(__AVX2__)
#define VECTOR_MIN(a, b) _mm256_min_ps((__m256)(a), (__m256)(b))
#define VECTOR_MAX(a, b) _mm256_max_ps((__m256)(a), (__m256)(b))
#define VECTOR_STREAM(to, value) _mm256_stream_ps(to, (__m256)(value))
#endif
#define PAIRED HAS_BFLOAT16
#define REAL float
#define BITS int32_t
#define NAME(name) name##_float32
#define MANTISSA 23
#define ROUNDER 12582912.0f
#define LN2 0.693147180559945f
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440054690583e-4
#define EXP_HIGHEST 88.0f
#define EXP_LOWEST -87.0f
#define TANH_IS_ONE 10.0f
#define SIGMOID_ENDS 80.0f
static const float SERIES_float32[] = {0.0013882507f, 0.008366586f, 0.0416672f, 0.16666543f, 0.49999997f};
#include "body.h"
#undef PAIRED
#undef REAL
#undef BITS
#undef NAME
#undef MANTISSA
#undef ROUNDER
#undef LN2
#undef LN2_HIGH
#undef LN2_LOW
#undef EXP_HIGHEST
#undef EXP_LOWEST
#undef TANH_IS_ONE
#undef SIGMOID_ENDS

#undef VECTOR_MIN
#undef VECTOR_MAX
#undef VECTOR_STREAM
#endif

#if !defined(PRECISION) || PRECISION == 64
#if defined(__AVX512F__)
#define VECTOR_MIN(a, b) _mm512_min_pd((__m512d)(a), (__m512d)(b))
#define VECTOR_MAX(a, b) _mm512_max_pd((__m512d)(a), (__m512d)(b))
#define VECTOR_STREAM(to, value) _mm512_stream_pd(to, (__m512d)(value))
#elif defined(__AVX2__)
#define VECTOR_MIN(a, b) _mm256_min_pd((__m256d)(a), (__m256d)(b))
#define VECTOR_MAX(a, b) _mm256_max_pd((__m256d)(a), (__m256d)(b))
#define VECTOR_STREAM(to, value) _mm256_stream_pd(to, (__m256d)(value))
#endif
#define PAIRED 0
#define REAL double
#define BITS int64_t
#define NAME(name) name##_float64
#define MANTISSA 52
#define ROUNDER 6755399441055744.0
#define LN2 0.69314718055994531
#define LN2_HIGH 6.93145751953125e-1
#define LN2_LOW 1.42860682030941723212e-6
#define EXP_HIGHEST 709.0
#define EXP_LOWEST -708.0
#define TANH_IS_ONE 20.0
#define SIGMOID_ENDS 700.0
static const double SERIES_float64[] = {
    1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
    1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2};
#include "body.h"
#endif
