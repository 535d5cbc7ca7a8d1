/* The k nearest of a stream of (distance, row), in the order distance, then row.
 *
 * A histogram of distances gives the exact k-th distance after every push, so that a scan can
 * prune at once; the rows themselves lie in a buffer that is thinned only when it is full. Memory
 * is of the order of k, whatever the number of rows.
 */
#ifndef CASELIGHT_TOPK_H
#define CASELIGHT_TOPK_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CL_MAX_BITS 512

/* Distance in the upper 16 bits, row in the lower 48: sorting keys sorts by distance, then row. */
typedef uint64_t cl_key;
#define CL_KEY(distance, row) (((uint64_t)(distance) << 48) | (uint64_t)(row))
#define CL_KEY_DISTANCE(key) ((int32_t)((key) >> 48))
#define CL_KEY_ROW(key) ((int64_t)((key) & 0xffffffffffffULL))

typedef struct {
    int64_t k;
    int32_t kth;     /* rows further than this cannot be among the k; n_bits while not full */
    int64_t at_most; /* how many pushed rows are at distance <= kth */
    int64_t count[CL_MAX_BITS + 2];
    cl_key *keys;
    int64_t n, room;
} cl_topk;

/* Returns 0, or -1 when there is no memory. */
static inline int cl_topk_init(cl_topk *t, int64_t k, int32_t n_bits) {
    memset(t->count, 0, sizeof t->count);
    t->k = k;
    t->kth = n_bits;
    t->at_most = t->n = 0;
    t->room = 2 * k > 1024 ? 2 * k : 1024;
    t->keys = malloc(sizeof(cl_key) * (size_t)t->room);
    return t->keys ? 0 : -1;
}

static inline void cl_topk_free(cl_topk *t) {
    free(t->keys);
    t->keys = NULL;
}

/* A row is worth pushing when its distance is below this; for rows that come in rising order. */
static inline int32_t cl_topk_limit(const cl_topk *t) {
    return t->at_most >= t->k ? t->kth : t->kth + 1;
}

static inline int cl_key_compare(const void *a, const void *b) {
    cl_key x = *(const cl_key *)a, y = *(const cl_key *)b;
    return (x > y) - (x < y);
}

/* Drop what can no longer be among the k. */
static inline void cl_topk_thin(cl_topk *t) {
    int64_t kept = 0;
    for (int64_t i = 0; i < t->n; i++)
        if (CL_KEY_DISTANCE(t->keys[i]) <= t->kth) t->keys[kept++] = t->keys[i];
    t->n = kept;
    if (kept > t->k) { /* ties at the k-th distance: the lower rows stay */
        qsort(t->keys, (size_t)kept, sizeof(cl_key), cl_key_compare);
        for (int64_t i = t->k; i < kept; i++) t->count[CL_KEY_DISTANCE(t->keys[i])]--;
        t->n = t->at_most = t->k;
    }
}

/* Push a row at distance <= kth; the caller has looked. */
static inline void cl_topk_push(cl_topk *t, int32_t distance, int64_t row) {
    if (t->n == t->room) cl_topk_thin(t);
    t->keys[t->n++] = CL_KEY(distance, row);
    t->count[distance]++;
    t->at_most++;
    while (t->at_most - t->count[t->kth] >= t->k && t->kth > 0) t->at_most -= t->count[t->kth--];
}

/* Write the k nearest in order; returns how many there are. */
static inline int64_t cl_topk_finish(cl_topk *t, int32_t *distance, int64_t *row) {
    cl_topk_thin(t);
    qsort(t->keys, (size_t)t->n, sizeof(cl_key), cl_key_compare);
    int64_t n = t->n < t->k ? t->n : t->k;
    for (int64_t i = 0; i < n; i++) {
        distance[i] = CL_KEY_DISTANCE(t->keys[i]);
        row[i] = CL_KEY_ROW(t->keys[i]);
    }
    return n;
}

#endif
