/* The scan.
 *
 * Most codes are far from a query, and a part of their bytes shows it: when the distance of the
 * first planes alone is no less than the k-th distance so far, the other planes are not read.
 *
 * Several queries take turns at what lies in the cache. How many planes come first is a matter of
 * cost, found as the scan goes: few enough to save work, enough that few groups of 64 codes pass.
 *
 * A single query is as quick as memory, which is quick only in long runs. So it reads a slice of a
 * whole segment, and then, of the blocks where any group passed, the next slice; or, when few
 * groups passed, what is left of these alone.
 */
#include "scan.h"

#include <string.h>

enum {
    IN_CACHE = 1 << 22,  /* bytes of codes from which a single query reads memory in runs */
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
    return planes < 1 ? 1 : planes > n_bytes ? n_bytes : planes;
}

/* More planes cost reading; a group that passes costs the planes that are left, and a wait as long
 * as 32 planes take. Fewer planes are only tried, and after every failure more rarely. */
static void look_at_saving(cl_query *query, int limit, int n_bytes, int planes) {
    int left = n_bytes - planes;
    int64_t cost = (int64_t)query->passed * (left + 32), gain = query->groups;
    if (left > 0 && cost > gain) {
        query->slack = planes + 1 - limit / 4;
        query->wait = query->patience;
        if (query->patience < MOST_PATIENCE) query->patience *= 2;
    } else if (query->wait > 0) {
        query->wait--;
    } else if (planes > 1 && (left == 0 || 32 * cost < gain)) {
        query->slack = planes - 1 - limit / 4;
    }
    query->groups = query->passed = 0;
}

/* How many groups; few as a rule, and plain x86-64 has no instruction for it. */
static inline int count(unsigned groups) {
    int n = 0;
    for (; groups; groups &= groups - 1) n++;
    return n;
}

/* Which codes of a group exist and may be answered: bit i for the one at row + i. */
static inline uint64_t lanes_of(const cl_codes *codes, int64_t row) {
    int64_t left = codes->n - row;
    uint64_t lanes = left <= 0 ? 0 : left < CL_GROUP ? (1ULL << left) - 1 : ~0ULL, allowed = 0;
    if (!codes->allowed || !lanes) return lanes;
    int n = left < CL_GROUP ? (int)(left + 7) / 8 : CL_GROUP / 8;
    for (int i = 0; i < n; i++) allowed |= (uint64_t)codes->allowed[row / 8 + i] << 8 * i;
    return lanes & allowed;
}

/* Which groups of a block have any such code: bit g for group g. */
static inline unsigned open_groups(const cl_codes *codes, int64_t row) {
    unsigned open = 0;
    if (!codes->allowed && codes->n - row >= CL_BLOCK) return ALL_GROUPS;
    for (int g = 0; g < CL_GROUPS; g++)
        open |= (unsigned)(lanes_of(codes, row + g * CL_GROUP) != 0) << g;
    return open;
}

/* Push those of a group's lanes whose sum is below the limit, which falls as they are pushed. */
static void keep(cl_topk *top, uint64_t lanes, const uint8_t *sums, int64_t row) {
    for (; lanes; lanes &= lanes - 1) {
        int lane = __builtin_ctzll(lanes);
        if (sums[lane] < cl_topk_limit(top)) cl_topk_push(top, sums[lane], row + lane);
    }
}

/* A group whose limit no byte can hold: codes of 256 bits and more, and a k-th one that is far. */
static void finish_wide(const cl_isa *isa, const cl_codes *codes, const uint8_t *const *slices,
                        int64_t row, int at, cl_query *query) {
    int total[CL_GROUP] = {0};
    for (int from = 0; from < codes->n_bytes; from += CL_SMALL_SUM) {
        uint8_t sums[CL_GROUP] = {0};
        int left = codes->n_bytes - from, to = from + (left < CL_SMALL_SUM ? left : CL_SMALL_SUM);
        isa->rest(slices, at, from, to, query->code, 1, sums);
        for (int lane = 0; lane < CL_GROUP; lane++) total[lane] += sums[lane];
    }
    for (uint64_t lanes = lanes_of(codes, row + at); lanes; lanes &= lanes - 1) {
        int lane = __builtin_ctzll(lanes);
        if (total[lane] < cl_topk_limit(query->top))
            cl_topk_push(query->top, total[lane], row + at + lane);
    }
}

/* Add the planes from `from` on to the sums of those groups of a block that passed, and push what
 * is near. */
static void finish(const cl_isa *isa, const cl_codes *codes, int64_t index, unsigned groups,
                   int from, uint8_t *sums, cl_query *query) {
    const uint8_t *slices[CL_MAX_SLICES];
    int64_t row = index * CL_BLOCK;
    cl_slices(codes, index, slices);
    for (; groups; groups &= groups - 1) {
        int at = __builtin_ctz(groups) * CL_GROUP, limit = cl_topk_limit(query->top);
        if (limit == 0) return;
        if (limit > LIMIT_OF_BYTES) {
            finish_wide(isa, codes, slices, row, at, query);
        } else {
            uint64_t near = isa->rest(slices, at, from, codes->n_bytes, query->code, limit,
                                      sums + at);
            keep(query->top, near & lanes_of(codes, row + at), sums + at, row + at);
        }
    }
}

/* Whether groups are better read one by one than whole planes of all: here and there is FEW times
 * slower than all of it. */
static inline int are_few(int64_t n_groups, int n_left, int64_t n_all, int n_planes) {
    return FEW * n_groups * n_left <= n_all * n_planes;
}

typedef struct {
    int64_t index;
    const uint8_t *slices[CL_MAX_SLICES];
    unsigned open;
    int n_open;
} block_at;

static void scan_block(const cl_isa *isa, const cl_codes *codes, const block_at *block,
                       cl_query *query) {
    uint8_t sums[CL_BLOCK];
    int limit = cl_topk_limit(query->top);
    int planes = planes_first(query, limit, codes->n_bytes);
    unsigned groups = block->open;
    if (limit == 0) return;
    if (limit > LIMIT_OF_BYTES ||
        are_few(block->n_open, codes->n_bytes, CL_GROUPS, planes)) {
        memset(sums, 0, sizeof sums); /* no sum of bytes tells, or few groups are open */
        planes = 0;
    } else {
        groups &= isa->add(block->slices, 0, planes, query->code, limit, sums);
        query->groups += CL_GROUPS;
        query->passed += count(groups);
        if (query->groups >= WINDOW * CL_GROUPS || query->passed >= MANY)
            look_at_saving(query, limit, codes->n_bytes, planes);
    }
    if (groups) finish(isa, codes, block->index, groups, planes, sums, query);
}

/* Queries take turns at every few blocks. */
static void scan_chunks(const cl_isa *isa, const cl_codes *codes, int64_t first, int64_t last,
                        cl_query *queries, int64_t n_queries) {
    block_at blocks[MOST_BLOCKS];
    int step = CHUNK / (CL_BLOCK * codes->n_bytes);
    step = step < 1 ? 1 : step > MOST_BLOCKS ? MOST_BLOCKS : step;
    for (int64_t chunk = first; chunk < last; chunk += step) {
        int n_blocks = 0;
        for (int64_t b = chunk; b < last && b < chunk + step; b++) {
            block_at *block = &blocks[n_blocks];
            block->index = b;
            block->open = open_groups(codes, b * CL_BLOCK);
            block->n_open = count(block->open);
            cl_slices(codes, b, block->slices);
            n_blocks += block->open != 0;
        }
        for (int64_t q = 0; q < n_queries; q++)
            for (int b = 0; b < n_blocks; b++) scan_block(isa, codes, &blocks[b], &queries[q]);
    }
}

/* Blocks first..first + n - 1, at most CL_SEGMENT and all of one segment. */
static void scan_run(const cl_isa *isa, const cl_codes *codes, int64_t first, int n,
                     cl_query *query) {
    uint8_t sums[CL_SEGMENT][CL_BLOCK], passed[CL_SEGMENT];
    const uint8_t *slices[CL_MAX_SLICES];
    int limit = cl_topk_limit(query->top), n_bytes = codes->n_bytes, from = 0;
    int64_t n_passed = 0, n_blocks = 0;
    if (limit == 0) return;
    cl_slices(codes, first, slices);
    for (int b = 0; b < n; b++) {
        passed[b] = (uint8_t)open_groups(codes, (first + b) * CL_BLOCK);
        n_passed += count(passed[b]);
        n_blocks += passed[b] != 0;
    }
    while (limit <= LIMIT_OF_BYTES && n_passed && from < n_bytes) {
        int n_planes = cl_planes_from(codes, from);
        if (are_few(n_passed, n_bytes - from, n_blocks * CL_GROUPS, n_planes)) break;
        n_passed = n_blocks = 0;
        for (int b = 0; b < n; b++, slices[from / CL_SLICE] += n_planes * CL_BLOCK) {
            if (!passed[b]) continue;
            passed[b] &= isa->add(slices, from, from + n_planes, query->code, limit, sums[b]);
            n_passed += count(passed[b]);
            n_blocks += passed[b] != 0;
        }
        from += n_planes;
    }
    for (int b = 0; n_passed && b < n; b++) {
        if (from == 0) memset(sums[b], 0, CL_BLOCK);
        if (passed[b]) finish(isa, codes, first + b, passed[b], from, sums[b], query);
    }
}

void cl_scan(const cl_isa *isa, const cl_codes *codes, int64_t first, int64_t last,
             cl_query *queries, int64_t n_queries) {
    if (n_queries > 1 || (last - first) * CL_BLOCK * codes->n_bytes <= IN_CACHE) {
        scan_chunks(isa, codes, first, last, queries, n_queries);
        return;
    }
    /* the first runs are short: the sooner the k-th distance falls, the more is saved */
    for (int64_t next, n = 1; first < last; first = next, n += n < CL_SEGMENT ? n : 0) {
        int64_t end = first - first % CL_SEGMENT + CL_SEGMENT;
        next = first + n < end ? first + n : end;
        if (next > last) next = last;
        scan_run(isa, codes, first, (int)(next - first), queries);
    }
}
