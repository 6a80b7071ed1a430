/* Numbers below the normal ones count as zero while a task runs: gradients that vanish over time end up
   there, where a processor takes a hundred times as long. */
#if defined(__SSE2__)
#include <xmmintrin.h>
typedef unsigned int FloatMode;
INLINE FloatMode flush_denormals(void)
{
    const FloatMode before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); /* flush to zero, denormals are zero */
    return before;
}
INLINE void restore_float_mode(FloatMode mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
typedef uint64_t FloatMode;
INLINE FloatMode flush_denormals(void)
{
    FloatMode before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (1ull << 24)));
    return before;
}
INLINE void restore_float_mode(FloatMode mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#else
typedef int FloatMode;
INLINE FloatMode flush_denormals(void) { return 0; }
INLINE void restore_float_mode(FloatMode mode) { (void)mode; }
#endif

/* Asks for memory that is about to be used. */
INLINE void prefetch(const void *from, int64_t bytes)
{
    for (int64_t at = 0; at < bytes; at += LINE_BYTES) __builtin_prefetch((const char *)from + at);
}

/* Ends a task's streams: other threads may read what was stored. */
INLINE void finish_streams(void)
{
#if defined(__AVX2__)
    _mm_sfence();
#endif
}

/* The system clears new memory page by page, which takes longer than to fill it: where it will be filled and
   is large, asks for large pages. */
INLINE void expect_large(const void *array, int64_t bytes)
{
#if defined(__linux__)
    const uintptr_t page = 2 << 20, start = ((uintptr_t)array + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)array + bytes) / page * page;
    if (array && bytes >= LARGE_BYTES) madvise((void *)start, end - start, MADV_HUGEPAGE);
#else
    (void)array, (void)bytes;
#endif
}
