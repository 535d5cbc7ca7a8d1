/* AVX-512 with BITALG: a popcount of 64 bytes in one instruction (Ice Lake, Zen 4 and later). */
#include "isa.h"

#ifdef CL_X86
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512bitalg")))

static int supported(void) {
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512bitalg");
}

TARGET static inline __m512i differ(__m512i query, const uint8_t *codes) {
    return _mm512_popcnt_epi8(_mm512_xor_si512(query, _mm512_loadu_si512(codes)));
}

TARGET static unsigned add(const uint8_t *const *slices, int from, int to, const uint8_t *query,
                           int limit, uint8_t *sums) {
    __m512i sum[CL_GROUPS], below = _mm512_set1_epi8((char)limit);
    int j = from, small = to < CL_SMALL_SUM ? to : CL_SMALL_SUM;
#pragma GCC unroll 8
    for (int g = 0; g < CL_GROUPS; g++)
        sum[g] = from ? _mm512_loadu_si512(sums + CL_GROUP * g) : _mm512_setzero_si512();
    for (; j < small; j++) { /* a sum that may wrap is quicker than one that saturates */
        const uint8_t *plane = cl_plane(slices, j);
        __m512i byte = _mm512_set1_epi8((char)query[j]);
#pragma GCC unroll 8
        for (int g = 0; g < CL_GROUPS; g++) {
            CL_ASK_FOR(plane + CL_GROUP * g);
            sum[g] = _mm512_add_epi8(sum[g], differ(byte, plane + CL_GROUP * g));
        }
    }
    for (; j < to; j++) {
        const uint8_t *plane = cl_plane(slices, j);
        __m512i byte = _mm512_set1_epi8((char)query[j]);
#pragma GCC unroll 8
        for (int g = 0; g < CL_GROUPS; g++) {
            CL_ASK_FOR(plane + CL_GROUP * g);
            sum[g] = _mm512_adds_epu8(sum[g], differ(byte, plane + CL_GROUP * g));
        }
    }
    __m512i a = _mm512_min_epu8(sum[0], sum[1]), b = _mm512_min_epu8(sum[2], sum[3]);
    __m512i c = _mm512_min_epu8(sum[4], sum[5]), d = _mm512_min_epu8(sum[6], sum[7]);
    __m512i least = _mm512_min_epu8(_mm512_min_epu8(a, b), _mm512_min_epu8(c, d));
    if (__builtin_expect(!_mm512_cmplt_epu8_mask(least, below), 1)) return 0;
    unsigned found = 0;
#pragma GCC unroll 8
    for (int g = 0; g < CL_GROUPS; g++) {
        _mm512_storeu_si512(sums + CL_GROUP * g, sum[g]);
        found |= (unsigned)(_mm512_cmplt_epu8_mask(sum[g], below) != 0) << g;
    }
    return found;
}

TARGET static uint64_t rest(const uint8_t *const *slices, int at, int from, int to,
                            const uint8_t *query, int limit, uint8_t *sums) {
    __m512i sum = _mm512_loadu_si512(sums);
    for (int j = from; j < to; j++) {
        __m512i byte = _mm512_set1_epi8((char)query[j]);
        sum = _mm512_adds_epu8(sum, differ(byte, cl_plane(slices, j) + at));
    }
    _mm512_storeu_si512(sums, sum);
    return _mm512_cmplt_epu8_mask(sum, _mm512_set1_epi8((char)limit));
}

const cl_isa cl_avx512 = {"avx512", supported, add, rest};
#endif
