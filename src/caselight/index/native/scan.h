/* The scan: compare queries with codes, keep the k nearest, skip what cannot be among them. */
#ifndef CASELIGHT_SCAN_H
#define CASELIGHT_SCAN_H

#include "isa.h"
#include "layout.h"
#include "topk.h"

typedef struct {
    const uint8_t *code; /* n_bytes */
    cl_topk *top;        /* may hold rows already: only nearer ones, or lower rows, are pushed */
    /* what scan.c learns about how many planes to read first */
    int slack, groups, passed, wait, patience;
} cl_query;

/* Ready to scan. */
static inline cl_query cl_query_of(const uint8_t *code, cl_topk *top) {
    cl_query query = {.code = code, .top = top, .slack = 4, .patience = 2};
    return query;
}

/* Push the rows of blocks first..last - 1 that belong among each query's k nearest, in rising
 * order of row. Rows pushed before must be lower, or be none of these. */
void cl_scan(const cl_isa *isa, const cl_codes *codes, int64_t first, int64_t last,
             cl_query *queries, int64_t n_queries);

#endif
