/* NEON answers like plain C; built for 64-bit Arm and run by test_neon.py. */
#include <stdio.h>

#include "scan.h"

enum { QUERIES = 3, MOST = 10 };

static int search(const char *isa, const cl_codes *codes, const uint8_t *query, int n_queries,
                  int64_t k, int32_t *distance, int64_t *rows) {
    cl_topk tops[QUERIES];
    cl_query queries[QUERIES];
    for (int q = 0; q < n_queries; q++) {
        if (cl_topk_init(&tops[q], k, 8 * codes->n_bytes)) return -1;
        queries[q] = cl_query_of(query + q * codes->n_bytes, &tops[q]);
    }
    cl_scan(cl_isa_named(isa), codes, 0, cl_n_blocks(codes->n), queries, n_queries);
    for (int q = 0; q < n_queries; q++) {
        cl_topk_finish(&tops[q], distance + q * MOST, rows + q * MOST);
        cl_topk_free(&tops[q]);
    }
    return 0;
}

static uint8_t *random_bytes(int64_t n) {
    uint8_t *bytes = malloc((size_t)n);
    for (int64_t i = 0; bytes && i < n; i++) bytes[i] = (uint8_t)(rand() & rand() & rand());
    return bytes;
}

int main(void) {
    /* the last is searched by one query, and longer than what is taken to be in the cache */
    const int64_t sizes[] = {1, 63, 512, 513, 20000, 140000};
    int n_checked = 0;
    for (int n_bytes = 1; n_bytes <= CL_MAX_BYTES; n_bytes++)
        for (int s = 0; s < 6; s++) {
            int n_queries = s < 5 ? QUERIES : 1;
            if (s == 5 && n_bytes % 31) continue;
            uint8_t *blocks = random_bytes(cl_n_blocks(sizes[s]) * CL_BLOCK * n_bytes);
            uint8_t *query = random_bytes(QUERIES * n_bytes);
            cl_codes codes = {blocks, sizes[s], n_bytes, NULL};
            int64_t k = sizes[s] < MOST ? sizes[s] : MOST;
            int32_t distance[2][QUERIES * MOST] = {{0}};
            int64_t rows[2][QUERIES * MOST] = {{0}};
            if (!blocks || !query ||
                search("portable", &codes, query, n_queries, k, distance[0], rows[0]) ||
                search("neon", &codes, query, n_queries, k, distance[1], rows[1]))
                return 2;
            if (memcmp(distance[0], distance[1], sizeof distance[0]) ||
                memcmp(rows[0], rows[1], sizeof rows[0])) {
                printf("%d bytes, %ld codes: not the same\n", n_bytes, (long)sizes[s]);
                return 1;
            }
            n_checked++;
            free(blocks);
            free(query);
        }
    printf("%d the same\n", n_checked);
    return 0;
}
