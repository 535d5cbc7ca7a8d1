/* NEON of 64-bit Arm: a popcount of 16 bytes in one instruction. */
#include "isa.h"

#ifdef CL_ARM
#include <arm_neon.h>

#define WIDTH 16
#define AT_ONCE 8

static int supported(void) { return 1; }

static inline uint8x16_t plus(uint8x16_t sum, uint8x16_t query, const uint8_t *codes) {
    return vqaddq_u8(sum, vcntq_u8(veorq_u8(query, vld1q_u8(codes))));
}

static unsigned add(const uint8_t *const *slices, int from, int to, const uint8_t *query,
                    int limit, uint8_t *sums) {
    unsigned found = 0;
    for (int at = 0; at < CL_BLOCK; at += AT_ONCE * WIDTH) {
        uint8x16_t sum[AT_ONCE];
#pragma GCC unroll 8
        for (int v = 0; v < AT_ONCE; v++)
            sum[v] = from ? vld1q_u8(sums + at + WIDTH * v) : vdupq_n_u8(0);
        for (int j = from; j < to; j++) {
            const uint8_t *codes = cl_plane(slices, j) + at;
            uint8x16_t byte = vdupq_n_u8(query[j]);
            CL_ASK_FOR(codes);
            CL_ASK_FOR(codes + CL_GROUP);
#pragma GCC unroll 8
            for (int v = 0; v < AT_ONCE; v++) sum[v] = plus(sum[v], byte, codes + WIDTH * v);
        }
#pragma GCC unroll 8
        for (int v = 0; v < AT_ONCE; v++) {
            vst1q_u8(sums + at + WIDTH * v, sum[v]);
            if (vminvq_u8(sum[v]) < limit) found |= 1U << ((at + WIDTH * v) / CL_GROUP);
        }
    }
    return found;
}

static uint64_t rest(const uint8_t *const *slices, int at, int from, int to,
                     const uint8_t *query, int limit, uint8_t *sums) {
    uint64_t found = 0;
    for (int v = 0; v < CL_GROUP; v += WIDTH) {
        uint8x16_t sum = vld1q_u8(sums + v);
        for (int j = from; j < to; j++)
            sum = plus(sum, vdupq_n_u8(query[j]), cl_plane(slices, j) + at + v);
        vst1q_u8(sums + v, sum);
    }
    for (int lane = 0; lane < CL_GROUP; lane++) found |= (uint64_t)(sums[lane] < limit) << lane;
    return found;
}

const cl_isa cl_neon = {"neon", supported, add, rest};
#endif
