/* The scan.
 *
 * Most codes are far from a query, and a part of their bytes shows it: when the distance of the
 * first planes alone is no less than the k-th distance so far, the other planes are not read. How
 * many planes come first is a matter of cost, found as the scan goes: few enough to save reading,
 * enough that few groups of 64 codes pass. Where no such number pays, all planes come first, and
 * the scan is the plain one.
 */
#include "scan.h"

#include <string.h>

enum {
    IN_CACHE = 1 << 22,  /* bytes of codes that a single query finds in the cache */
    WINDOW = 32,         /* blocks between two looks at what pruning saves */
    CHUNK = 1 << 14,     /* bytes that all queries read before the next: level 1 cache */
    ALL_GROUPS = (1 << CL_GROUPS) - 1,
    FEW = 4,             /* reading here and there is so many times slower than all of it */
    MANY = 64,           /* groups that pass, to look at once */
    MOST_PATIENCE = 64,  /* windows between two trials of fewer planes */
    MOST_BLOCKS = 16,    /* in a chunk, however short the codes */
    LIMIT_OF_BYTES = 255 /* sums of bytes are true below this */
};

/* Planes to sum before the first look: about 4 bits of a plane differ from a code that is far. */
static inline int planes_first(const cl_query *query, int limit, int n_bytes) {
    int planes = limit / 4 + query->slack;
    planes = planes < 1 ? 1 : planes;
    planes = (planes + query->step - 1) & -query->step;
    return planes > n_bytes ? n_bytes : planes;
}

/* More planes cost reading; a group that passes costs the planes that are left, and a wait as long
 * as 32 planes take. Fewer planes are only tried, and after every failure more rarely. */
static void look_at_saving(cl_query *query, int limit, int n_bytes, int planes) {
    int left = n_bytes - planes;
    int64_t cost = (int64_t)query->passed * (left + 32), gain = query->groups * query->step;
    if (left > 0 && cost > gain) {
        query->slack = planes + 1 - limit / 4;
        query->wait = query->patience;
        if (query->patience < MOST_PATIENCE) query->patience *= 2;
    } else if (query->wait > 0) {
        query->wait--;
    } else if (planes > query->step && (left == 0 || 32 * cost < gain)) {
        query->slack = planes - query->step - limit / 4;
    }
    query->groups = query->passed = 0;
}

typedef struct {
    const uint8_t *slices[CL_MAX_SLICES];
    uint64_t lanes[CL_GROUPS]; /* bit i of group g: code 64 g + i exists and may be answered */
    unsigned open;             /* bit g: group g has any such code */
    int n_open;                /* how many have */
    int64_t row;               /* of its first code */
} block_at;

static void find_block(const cl_codes *codes, int64_t index, block_at *block) {
    int64_t row = index * CL_BLOCK;
    cl_slices(codes, index, block->slices);
    block->row = row;
    if (!codes->allowed && codes->n - row >= CL_BLOCK) {
        memset(block->lanes, 0xff, sizeof block->lanes);
        block->n_open = CL_GROUPS;
        block->open = ALL_GROUPS;
        return;
    }
    block->open = 0;
    block->n_open = 0;
    for (int g = 0; g < CL_GROUPS; g++, row += CL_GROUP) {
        int64_t left = codes->n - row;
        uint64_t lanes = left <= 0 ? 0 : left < CL_GROUP ? (1ULL << left) - 1 : ~0ULL;
        if (codes->allowed && lanes) {
            uint64_t allowed = 0;
            int n = left < CL_GROUP ? (int)(left + 7) / 8 : CL_GROUP / 8;
            for (int i = 0; i < n; i++) allowed |= (uint64_t)codes->allowed[row / 8 + i] << 8 * i;
            lanes &= allowed;
        }
        block->lanes[g] = lanes;
        block->n_open += lanes != 0;
        block->open |= (unsigned)(lanes != 0) << g;
    }
}

/* Push those of a group's lanes whose sum is below the limit, which falls as they are pushed. */
static void keep(cl_topk *top, uint64_t lanes, const uint8_t *sums, int64_t row) {
    for (; lanes; lanes &= lanes - 1) {
        int lane = __builtin_ctzll(lanes);
        if (sums[lane] < cl_topk_limit(top)) cl_topk_push(top, sums[lane], row + lane);
    }
}

/* A group whose limit no byte can hold: codes of 256 bits and more, and a k-th one that is far. */
static void scan_wide(const cl_isa *isa, const block_at *block, int g, int n_bytes,
                      const cl_query *query) {
    int total[CL_GROUP] = {0};
    for (int from = 0; from < n_bytes; from += CL_SMALL_SUM) {
        uint8_t sums[CL_GROUP] = {0};
        int to = n_bytes - from > CL_SMALL_SUM ? from + CL_SMALL_SUM : n_bytes;
        isa->rest(block->slices, g * CL_GROUP, from, to, query->code, 1, sums);
        for (int lane = 0; lane < CL_GROUP; lane++) total[lane] += sums[lane];
    }
    for (uint64_t lanes = block->lanes[g]; lanes; lanes &= lanes - 1) {
        int lane = __builtin_ctzll(lanes);
        if (total[lane] < cl_topk_limit(query->top))
            cl_topk_push(query->top, total[lane], block->row + g * CL_GROUP + lane);
    }
}

static void scan_block(const cl_isa *isa, const block_at *block, int n_bytes, cl_query *query) {
    uint8_t sums[CL_BLOCK];
    int limit = cl_topk_limit(query->top);
    int planes = planes_first(query, limit, n_bytes);
    unsigned groups = block->open;
    if (limit == 0) return;
    if (limit > LIMIT_OF_BYTES || FEW * block->n_open * n_bytes <= CL_GROUPS * planes) {
        /* no sum of bytes tells, or few groups are open: each group by itself */
        memset(sums, 0, sizeof sums);
        planes = 0;
    } else {
        groups &= isa->prefix(block->slices, planes, query->code, limit, sums);
        query->groups += CL_GROUPS;
        for (unsigned left = groups; left; left &= left - 1) query->passed++;
        if (query->groups >= WINDOW * CL_GROUPS || query->passed >= MANY)
            look_at_saving(query, limit, n_bytes, planes);
    }
    for (; groups; groups &= groups - 1) {
        int g = __builtin_ctz(groups), at = g * CL_GROUP;
        limit = cl_topk_limit(query->top);
        if (limit == 0) return;
        if (limit > LIMIT_OF_BYTES) {
            scan_wide(isa, block, g, n_bytes, query);
        } else {
            uint64_t near = isa->rest(block->slices, at, planes, n_bytes, query->code, limit,
                                      sums + at);
            keep(query->top, near & block->lanes[g], sums + at, block->row + at);
        }
    }
}

void cl_scan(const cl_isa *isa, const cl_codes *codes, int64_t first, int64_t last,
             cl_query *queries, int64_t n_queries) {
    block_at blocks[MOST_BLOCKS];
    int step = n_queries > 1 ? CHUNK / (CL_BLOCK * codes->n_bytes) : 1;
    /* memory brings whole slices, so a part of one saves nothing there */
    int whole = n_queries == 1 && (last - first) * CL_BLOCK * codes->n_bytes > IN_CACHE;
    for (int64_t q = 0; q < n_queries; q++) queries[q].step = whole ? CL_SLICE : 1;
    step = step < 1 ? 1 : step > MOST_BLOCKS ? MOST_BLOCKS : step;
    for (int64_t chunk = first; chunk < last; chunk += step) {
        int n_blocks = 0;
        for (int64_t b = chunk; b < last && b < chunk + step; b++) {
            find_block(codes, b, &blocks[n_blocks]);
            n_blocks += blocks[n_blocks].n_open > 0;
        }
        for (int64_t q = 0; q < n_queries; q++)
            for (int b = 0; b < n_blocks; b++)
                scan_block(isa, &blocks[b], codes->n_bytes, &queries[q]);
    }
}
