/* AVX2: the popcount of a byte from two look-ups of four bits (Mula, Kurz, Lemire, 2017). */
#include "isa.h"

#ifdef CL_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define WIDTH 32
#define AT_ONCE 4 /* vectors: the sixteen registers hold no more */

static int supported(void) { return __builtin_cpu_supports("avx2"); }

TARGET static inline __m256i count_bits(__m256i x) {
    const __m256i bits = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                          2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    __m256i right = _mm256_shuffle_epi8(bits, _mm256_and_si256(x, low));
    __m256i left = _mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi16(x, 4), low));
    return _mm256_add_epi8(left, right);
}

TARGET static inline __m256i plus(__m256i sum, __m256i query, const uint8_t *codes) {
    __m256i differ = _mm256_xor_si256(query, _mm256_loadu_si256((const __m256i *)codes));
    return _mm256_adds_epu8(sum, count_bits(differ));
}

/* limit >= 1; AVX2 compares signed bytes only, so unsigned ones are compared through the minimum */
TARGET static inline uint32_t lanes_below(__m256i sum, int limit) {
    __m256i most = _mm256_set1_epi8((char)(limit - 1));
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(sum, most), sum));
}

TARGET static inline unsigned sum_up(const uint8_t *const *slices, int from, int to,
                                     const uint8_t *query, int limit, uint8_t *sums) {
    unsigned found = 0;
    for (int at = 0; at < CL_BLOCK; at += AT_ONCE * WIDTH) {
        __m256i sum[AT_ONCE];
#pragma GCC unroll 4
        for (int v = 0; v < AT_ONCE; v++)
            sum[v] = from ? _mm256_loadu_si256((const __m256i *)(sums + at + WIDTH * v))
                          : _mm256_setzero_si256();
        for (int j = from; j < to; j++) {
            const uint8_t *codes = cl_plane(slices, j) + at;
            __m256i byte = _mm256_set1_epi8((char)query[j]);
            CL_ASK_FOR(codes);
            CL_ASK_FOR(codes + CL_GROUP);
#pragma GCC unroll 4
            for (int v = 0; v < AT_ONCE; v++) sum[v] = plus(sum[v], byte, codes + WIDTH * v);
        }
#pragma GCC unroll 4
        for (int v = 0; v < AT_ONCE; v++) {
            _mm256_storeu_si256((__m256i *)(sums + at + WIDTH * v), sum[v]);
            if (lanes_below(sum[v], limit)) found |= 1U << ((at + WIDTH * v) / CL_GROUP);
        }
    }
    return found;
}

/* Compiled twice: from the first plane on no sums are loaded. */
TARGET static unsigned add(const uint8_t *const *slices, int from, int to, const uint8_t *query,
                           int limit, uint8_t *sums) {
    return from ? sum_up(slices, from, to, query, limit, sums)
                : sum_up(slices, 0, to, query, limit, sums);
}

TARGET static uint64_t rest(const uint8_t *const *slices, int at, int from, int to,
                            const uint8_t *query, int limit, uint8_t *sums) {
    __m256i a = _mm256_loadu_si256((const __m256i *)sums);
    __m256i b = _mm256_loadu_si256((const __m256i *)(sums + WIDTH));
    for (int j = from; j < to; j++) {
        __m256i byte = _mm256_set1_epi8((char)query[j]);
        const uint8_t *codes = cl_plane(slices, j) + at;
        a = plus(a, byte, codes);
        b = plus(b, byte, codes + WIDTH);
    }
    _mm256_storeu_si256((__m256i *)sums, a);
    _mm256_storeu_si256((__m256i *)(sums + WIDTH), b);
    return lanes_below(a, limit) | (uint64_t)lanes_below(b, limit) << WIDTH;
}

const cl_isa cl_avx2 = {"avx2", supported, add, rest};
#endif
