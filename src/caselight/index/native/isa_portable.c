/* Plain C: eight codes to a 64-bit word, bits counted within its bytes. */
#include <string.h>

#include "isa.h"

#define WIDTH 8
#define EVERY(byte) (0x0101010101010101ULL * (byte))

static int supported(void) { return 1; }

/* The number of bits of each byte, in that byte. */
static inline uint64_t count_bits(uint64_t x) {
    x -= x >> 1 & EVERY(0x55);
    x = (x & EVERY(0x33)) + (x >> 2 & EVERY(0x33));
    return (x + (x >> 4)) & EVERY(0x0f);
}

static uint64_t rest(const uint8_t *const *slices, int at, int from, int to, const uint8_t *query,
                     int limit, uint8_t *sums) {
    uint64_t found = 0;
    while (from < to) {
        int stop = to - from > CL_SMALL_SUM ? from + CL_SMALL_SUM : to;
        uint64_t more[CL_GROUP / WIDTH] = {0};
        for (; from < stop; from++) {
            const uint8_t *codes = cl_plane(slices, from) + at;
            for (int v = 0; v < CL_GROUP / WIDTH; v++) {
                uint64_t word;
                memcpy(&word, codes + WIDTH * v, WIDTH);
                more[v] += count_bits(word ^ EVERY(query[from]));
            }
        }
        uint8_t bytes[CL_GROUP];
        memcpy(bytes, more, CL_GROUP);
        for (int i = 0; i < CL_GROUP; i++) {
            int total = sums[i] + bytes[i];
            sums[i] = (uint8_t)(total < 255 ? total : 255);
        }
    }
    for (int i = 0; i < CL_GROUP; i++) found |= (uint64_t)(sums[i] < limit) << i;
    return found;
}

static unsigned add(const uint8_t *const *slices, int from, int to, const uint8_t *query,
                    int limit, uint8_t *sums) {
    unsigned found = 0;
    if (from == 0) memset(sums, 0, CL_BLOCK);
    for (int at = 0; at < CL_BLOCK; at += CL_GROUP)
        if (rest(slices, at, from, to, query, limit, sums + at)) found |= 1U << (at / CL_GROUP);
    return found;
}

const cl_isa cl_portable = {"portable", supported, add, rest};

const cl_isa *const *cl_isas(void) {
    static const cl_isa *const known[] = {
#ifdef CL_X86
        &cl_avx512, &cl_avx2,
#endif
#ifdef CL_ARM
        &cl_neon,
#endif
        &cl_portable};
    enum { N_KNOWN = sizeof known / sizeof *known };
    static const cl_isa *found[N_KNOWN + 1];
    /* every caller writes the same values, so it does not matter who is first */
    for (int i = 0, n = 0; i < N_KNOWN; i++)
        if (known[i]->supported()) found[n++] = known[i];
    return found;
}

const cl_isa *cl_isa_named(const char *name) {
    const cl_isa *const *isa = cl_isas();
    while (name && *isa && strcmp((*isa)->name, name)) isa++;
    return *isa;
}
