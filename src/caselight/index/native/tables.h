/* Multi-index hashing: exact k nearest in Hamming space, sub-linear where codes cluster.
 *
 * A code is cut into m disjoint substrings and each has a table from its value to the rows that
 * have it. A row at distance <= d from a query differs by at most r_t bits in some substring t as
 * long as sum(r_t + 1) > d, so looking up every value within r_t bits of the query's finds it.
 * Source: Norouzi, Punjani and Fleet, CVPR 2012 and TPAMI 2014; radii of their own for every
 * substring: Qin et al., "GPH", ICDE 2018.
 *
 * The tables lie in one buffer without pointers, so that a file can be mapped and searched. All
 * numbers are little-endian; every section begins at a multiple of 64 bytes:
 *   header            struct cl_tables_header
 *   codes             u64[n, n_words], in order of row; only where codes are not beside the rows
 *   then, for each of the m tables,
 *   starts            u32[2^bits + 1]: where the rows of each value begin
 *   rows              u32[n]: by value, then row
 *   codes beside      u64[n, n_words]: the codes of those rows; where the header says so
 * A code is its bytes and zeros up to whole 64-bit words; substring t is `bits` bits from bit
 * `first` on, counted from the lowest bit of the first word.
 */
#ifndef CASELIGHT_TABLES_H
#define CASELIGHT_TABLES_H

#include <stdint.h>

#define CL_TABLES_MAX 64        /* tables at most */
#define CL_TABLES_MAX_WORDS 8   /* 512 bits */
#define CL_TABLES_MAX_BITS 24   /* of a substring: 64 MiB of starts */
#define CL_TABLES_MAX_ROWS 0xfffffff0LL

typedef struct {
    char magic[8];     /* "CLTABLES" */
    uint32_t version;  /* 1 */
    uint32_t n_bits;   /* 8..512, a multiple of 8 */
    uint64_t n;        /* rows */
    uint32_t m;        /* tables */
    uint32_t beside;   /* 1: the codes lie beside the rows, once a table */
    uint64_t size;     /* bytes of the whole buffer */
    uint64_t codes_at; /* offset of the codes in order of row; 0 where they lie beside */
    uint64_t zero[2];
} cl_tables_header;

typedef struct {
    int32_t first, bits;
    const uint32_t *starts, *rows;
    const uint64_t *codes;
} cl_table;

/* A buffer, opened: pointers into it that are known to stay inside. */
typedef struct {
    int64_t n;
    int32_t n_bits, n_words, m, beside;
    const uint64_t *codes;
    cl_table table[CL_TABLES_MAX];
    int64_t size;
} cl_tables;

/* What the model counts with, in any one unit of time. */
typedef struct {
    double probe;     /* looking up one value */
    double candidate; /* one distance */
    double scan;      /* the scan that would answer this query alone */
} cl_prices;

/* What one search did. */
typedef struct {
    int64_t probes, candidates;
    int32_t radius;    /* every row within it was looked at; -1 for none */
    int32_t within;    /* no row further than this is among the k */
    int32_t fell_back; /* 1: the scan was cheaper, and nothing was answered */
    double spent;      /* in the unit of the prices */
} cl_tables_work;

/* Bytes of the buffer, or -1 where the arguments make no tables. */
int64_t cl_tables_size(int64_t n, int32_t n_bits, int32_t m, int32_t beside);

/* Build into `buffer` of cl_tables_size bytes; codes are u8[n, n_bits / 8]. 0, or -1 without memory. */
int cl_tables_build(const uint8_t *codes, int64_t n, int32_t n_bits, int32_t m, int32_t beside,
                    uint8_t *buffer);

/* Open a buffer: 0, or -1 for one that is cut short or has another layout. Reads the header. */
int cl_tables_open(const uint8_t *buffer, int64_t size, cl_tables *tables);

/* Read all of it: 0, or -1 when starts fall, rows do not exist or codes lie at a wrong value. */
int cl_tables_check(const cl_tables *tables);

/* The k nearest of one query, u8[n_bits / 8], of the rows in `allowed` (one bit a row, lowest bit
 * first; NULL is all) at distance <= within. Stops once every row within max_radius was looked at
 * and k rows are found, though nearer ones may be missing; max_radius = n_bits is exact. Writes the
 * answers and returns how many, or -1 without memory. Never reads outside an opened buffer,
 * whatever its contents.
 */
int64_t cl_tables_search(const cl_tables *tables, const uint8_t *query, int64_t k,
                         const uint8_t *allowed, int32_t within, int32_t max_radius,
                         const cl_prices *prices, int32_t *distance, int64_t *row,
                         cl_tables_work *work);

/* Bits from..from+bits-1 of a code; bits <= CL_TABLES_MAX_BITS, all inside the code's words. */
static inline uint32_t cl_substring(const uint64_t *code, int32_t from, int32_t bits) {
    int32_t word = from >> 6, shift = from & 63;
    uint64_t value = code[word] >> shift;
    if (shift + bits > 64) value |= code[word + 1] << (64 - shift);
    return (uint32_t)(value & ((1ULL << bits) - 1));
}

#endif
