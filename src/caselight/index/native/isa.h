/* What an instruction set does for the scan: two loops over planes of bytes (layout.h).
 *
 * A vector of a plane is one byte of many codes: the distances of 64 codes grow side by side in 64
 * bytes, and no sum across a vector is ever needed. Sums saturate at 255, so they tell what is below
 * a limit of at most 255.
 */
#ifndef CASELIGHT_ISA_H
#define CASELIGHT_ISA_H

#include <stdint.h>

#include "layout.h"

typedef struct {
    const char *name;
    int (*supported)(void);
    /* Add planes from..to - 1 of a block to sums[512], the sums of those before (where from is 0:
     * whatever is there), and say which of the block's eight groups of 64 have a sum below limit
     * (1..255): bit g for group g. Where none has, sums may be left as they were. */
    unsigned (*add)(const uint8_t *const *slices, int from, int to, const uint8_t *query,
                    int limit, uint8_t *sums);
    /* Add planes from..to - 1 of the 64 codes from `at` on to sums[64], and say which are below
     * limit: bit i for code at + i. */
    uint64_t (*rest)(const uint8_t *const *slices, int at, int from, int to, const uint8_t *query,
                     int limit, uint8_t *sums);
} cl_isa;

/* The instruction sets of this machine, the fastest first, NULL at the end. */
const cl_isa *const *cl_isas(void);

/* The one of that name, or the fastest for NULL; NULL where this machine has none of that name. */
const cl_isa *cl_isa_named(const char *name);

extern const cl_isa cl_avx512, cl_avx2, cl_neon, cl_portable;

enum {
    CL_SMALL_SUM = 31, /* planes whose sum a byte holds in any case */
    /* What is asked of memory early, into the level 2 cache: measured, half and double are slower,
     * and so is level 1. A slice is read in one run, so this is what comes next. */
    CL_AHEAD = 2048
};
#define CL_ASK_FOR(address) __builtin_prefetch((address) + CL_AHEAD, 0, 1)

/* Which instruction sets the compiler can aim single functions at. */
#if defined(__GNUC__) && defined(__x86_64__)
#define CL_X86 1
#endif
#if defined(__GNUC__) && defined(__aarch64__)
#define CL_ARM 1
#endif

#endif
