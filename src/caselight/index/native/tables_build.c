/* Multi-index hashing: the buffer, and filling it. See tables.h. */
#include "tables.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define PART_BITS 8
#define AHEAD 32 /* codes fetched early: they are read from all over */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the tables are little-endian: leave the extension out on this machine"
#endif

static int64_t up(int64_t offset) { return (offset + 63) & ~63LL; }

/* Lay the sections out over `base`, which may be NULL to learn the size alone. */
static int lay_out(cl_tables *t, const uint8_t *base, int64_t n, int32_t n_bits, int32_t m,
                   int32_t beside) {
    if (n < 0 || n > CL_TABLES_MAX_ROWS || n_bits < 8 || n_bits > 64 * CL_TABLES_MAX_WORDS ||
        n_bits % 8 || m < 1 || m > CL_TABLES_MAX || m > n_bits || (beside & ~1))
        return -1;
    memset(t, 0, sizeof *t);
    t->n = n, t->n_bits = n_bits, t->m = m, t->beside = beside;
    t->n_words = (n_bits + 63) / 64;
    int64_t at = up((int64_t)sizeof(cl_tables_header)), code_bytes = 8LL * t->n_words * n;
    uintptr_t origin = (uintptr_t)base; /* an integer: arithmetic on NULL is undefined */
    if (!beside) t->codes = (const uint64_t *)(origin + (uintptr_t)at), at = up(at + code_bytes);
    for (int32_t i = 0, first = 0; i < m; i++) {
        cl_table *table = &t->table[i];
        int32_t bits = n_bits / m + (i < n_bits % m);
        table->first = first, first += bits;
        table->bits = bits < CL_TABLES_MAX_BITS ? bits : CL_TABLES_MAX_BITS;
        table->starts = (const uint32_t *)(origin + (uintptr_t)at);
        at = up(at + 4 * ((1LL << table->bits) + 1));
        table->rows = (const uint32_t *)(origin + (uintptr_t)at), at = up(at + 4 * n);
        if (beside)
            table->codes = (const uint64_t *)(origin + (uintptr_t)at), at = up(at + code_bytes);
    }
    t->size = at;
    return 0;
}

static cl_tables_header header_of(const cl_tables *t) {
    cl_tables_header h = {.version = VERSION, .n_bits = (uint32_t)t->n_bits, .n = (uint64_t)t->n,
                          .m = (uint32_t)t->m, .beside = (uint32_t)t->beside,
                          .size = (uint64_t)t->size,
                          .codes_at = t->beside ? 0 : (uint64_t)up(sizeof(cl_tables_header))};
    memcpy(h.magic, "CLTABLES", 8);
    return h;
}

int64_t cl_tables_size(int64_t n, int32_t n_bits, int32_t m, int32_t beside) {
    cl_tables t;
    return lay_out(&t, NULL, n, n_bits, m, beside) ? -1 : t.size;
}

int cl_tables_open(const uint8_t *buffer, int64_t size, cl_tables *tables) {
    cl_tables_header found, expected;
    if (size < (int64_t)sizeof found || ((uintptr_t)buffer & 7)) return -1;
    memcpy(&found, buffer, sizeof found);
    if (found.n > (uint64_t)CL_TABLES_MAX_ROWS || found.n_bits > 64 * CL_TABLES_MAX_WORDS ||
        found.m > CL_TABLES_MAX || found.beside > 1)
        return -1;
    if (lay_out(tables, buffer, (int64_t)found.n, (int32_t)found.n_bits, (int32_t)found.m,
                (int32_t)found.beside))
        return -1;
    /* The four numbers decide everything else, so a sound header is exactly the one written. */
    expected = header_of(tables);
    return memcmp(&found, &expected, sizeof found) || tables->size > size ? -1 : 0;
}

int cl_tables_check(const cl_tables *t) {
    for (int32_t i = 0; i < t->m; i++) {
        const cl_table *table = &t->table[i];
        int64_t n_values = 1LL << table->bits;
        if (table->starts[0] != 0 || table->starts[n_values] != (uint64_t)t->n) return -1;
        for (int64_t value = 0; value < n_values; value++) {
            uint32_t from = table->starts[value], to = table->starts[value + 1];
            if (from > to || to > t->n) return -1;
            for (uint32_t at = from; at < to; at++) {
                if (table->rows[at] >= t->n) return -1;
                if (at > from && table->rows[at] <= table->rows[at - 1]) return -1;
                if (t->beside && cl_substring(table->codes + (int64_t)at * t->n_words,
                                              table->first, table->bits) != value)
                    return -1;
            }
        }
    }
    return 0;
}

/* Sort rows by value, keeping their order, and put each code beside its row. In two passes, by the
 * highest bits and then by the others, so that every pass writes to few places at a time.
 * `pairs` has room for n, `next` for 2^(CL_TABLES_MAX_BITS - PART_BITS).
 */
static void fill(const cl_tables *t, const cl_table *table, const uint64_t *codes,
                 uint64_t *pairs, uint32_t *next) {
    uint32_t *starts = (uint32_t *)table->starts, *rows = (uint32_t *)table->rows;
    uint64_t *beside = (uint64_t *)table->codes;
    int64_t n = t->n, w = t->n_words, ends[1 << PART_BITS] = {0}, from = 0;
    int32_t shift = table->bits > PART_BITS ? table->bits - PART_BITS : 0;
    int32_t n_parts = 1 << (table->bits - shift);

    for (int64_t i = 0; i < n; i++)
        ends[cl_substring(codes + i * w, table->first, table->bits) >> shift]++;
    for (int32_t part = 0; part < n_parts; part++) {
        int64_t count = ends[part];
        ends[part] = from, from += count;
    }
    for (int64_t i = 0; i < n; i++) {
        uint64_t value = cl_substring(codes + i * w, table->first, table->bits);
        pairs[ends[value >> shift]++] = value << 32 | (uint64_t)i;
    }
    from = 0;
    for (int32_t part = 0; part < n_parts; part++) {
        int64_t n_values = 1LL << shift, end = ends[part];
        uint32_t *part_starts = starts + ((int64_t)part << shift), sum = (uint32_t)from;
        memset(next, 0, 4 * (size_t)n_values);
        for (int64_t i = from; i < end; i++) next[pairs[i] >> 32 & (n_values - 1)]++;
        for (int64_t value = 0; value < n_values; value++) {
            uint32_t count = next[value];
            part_starts[value] = next[value] = sum;
            sum += count;
        }
        for (int64_t i = from; i < end; i++)
            rows[next[pairs[i] >> 32 & (n_values - 1)]++] = (uint32_t)pairs[i];
        for (int64_t i = from; beside && i < end; i++) {
            if (i + AHEAD < end) __builtin_prefetch(codes + rows[i + AHEAD] * w);
            for (int64_t word = 0; word < w; word++)
                beside[i * w + word] = codes[rows[i] * w + word];
        }
        from = end;
    }
    starts[1LL << table->bits] = (uint32_t)n;
}

int cl_tables_build(const uint8_t *codes, int64_t n, int32_t n_bits, int32_t m, int32_t beside,
                    uint8_t *buffer) {
    cl_tables t;
    if (lay_out(&t, buffer, n, n_bits, m, beside)) return -1;
    int64_t n_bytes = n_bits / 8, stride = 8LL * t.n_words;
    cl_tables_header header = header_of(&t);
    memset(buffer, 0, (size_t)up(sizeof header));
    memcpy(buffer, &header, sizeof header);

    uint64_t *words = beside ? malloc((size_t)(stride * n) + 8) : (uint64_t *)t.codes;
    uint64_t *pairs = malloc(8 * (size_t)n + 8);
    uint32_t *next = malloc(4 << (CL_TABLES_MAX_BITS - PART_BITS));
    int failed = !words || !pairs || !next;
    if (!failed) {
        for (int64_t i = 0; i < n; i++) {
            words[(i + 1) * t.n_words - 1] = 0; /* the padding, before the bytes */
            memcpy((uint8_t *)words + i * stride, codes + i * n_bytes, (size_t)n_bytes);
        }
        for (int32_t i = 0; i < m; i++) fill(&t, &t.table[i], words, pairs, next);
    }
    free(next);
    free(pairs);
    if (beside) free(words);
    return failed ? -1 : 0;
}
