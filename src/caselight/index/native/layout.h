/* How codes lie in memory and on disk: the same bytes for every instruction set and byte order.
 *
 *   block:    512 codes; one byte of each of them, in order of row, is a plane of 512 bytes
 *   segment:  128 blocks, or those that are left: first the planes of bytes 0..7 of all its blocks,
 *             block by block, then those of bytes 8..15, ...; each such part is a slice
 *
 * Planes let the distances of 64 codes grow side by side. Slices let a scan that needs only the
 * first bytes read them in runs of 512 KiB: memory is quick in long runs only, and 8 KiB here and
 * there cost as much as all of it. The last block is filled up with zeros. Every plane is a
 * multiple of 64 bytes from the start, so that what begins on a cache line stays on one.
 */
#ifndef CASELIGHT_LAYOUT_H
#define CASELIGHT_LAYOUT_H

#include <stdint.h>

#define CL_BLOCK 512
#define CL_SEGMENT 128 /* blocks */
#define CL_SLICE 8     /* planes of a block that lie together; the last slice may have fewer */
#define CL_GROUP 64    /* codes whose distances one step sums: a cache line of a plane */
#define CL_GROUPS (CL_BLOCK / CL_GROUP)
#define CL_MAX_BYTES 64
#define CL_MAX_SLICES (CL_MAX_BYTES / CL_SLICE)

typedef struct {
    const uint8_t *blocks;  /* cl_n_blocks(n) * CL_BLOCK * n_bytes */
    int64_t n;              /* codes */
    int n_bytes;            /* of a code, 1..CL_MAX_BYTES */
    const uint8_t *allowed; /* a bit a code, lowest bit first, (n + 7) / 8 bytes; NULL is all */
} cl_codes;

static inline int64_t cl_n_blocks(int64_t n) { return n / CL_BLOCK + (n % CL_BLOCK != 0); }

/* Where each slice of a block begins. */
static inline void cl_slices(const cl_codes *codes, int64_t block, const uint8_t **slices) {
    int64_t first = block - block % CL_SEGMENT, n_blocks = cl_n_blocks(codes->n) - first;
    const uint8_t *slice = codes->blocks + first * CL_BLOCK * codes->n_bytes;
    if (n_blocks > CL_SEGMENT) n_blocks = CL_SEGMENT;
    for (int left = codes->n_bytes; left > 0; left -= CL_SLICE) {
        int n_planes = left < CL_SLICE ? left : CL_SLICE;
        *slices++ = slice + (block - first) * CL_BLOCK * n_planes;
        slice += n_blocks * CL_BLOCK * n_planes;
    }
}

/* Planes of a slice that begins with plane j. */
static inline int cl_planes_from(const cl_codes *codes, int j) {
    return codes->n_bytes - j < CL_SLICE ? codes->n_bytes - j : CL_SLICE;
}

/* Plane j of a block, from its slices. */
static inline const uint8_t *cl_plane(const uint8_t *const *slices, int j) {
    return slices[j / CL_SLICE] + CL_BLOCK * (j % CL_SLICE);
}

#endif
