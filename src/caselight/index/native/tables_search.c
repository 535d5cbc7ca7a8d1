/* Multi-index hashing: the search, and when it gives up. See tables.h.
 *
 * The radius grows one table at a time, the cheapest step first. Before each step the cost of
 * finishing is foreseen from the k-th distance found so far; where the scan is cheaper the search
 * gives up and hands that distance on. Looking around without any such promise is free up to
 * EXPLORE of the scan's cost, which bounds what is lost on codes that do not cluster.
 */
#include "tables.h"
#include "topk.h"

#define CHUNK 256     /* probes in flight: their starts fit the first-level cache */
#define LINES_AHEAD 48
#define LONGEST_RUN 64
#define EXPLORE 0.04  /* of the scan, spent before finishing is foreseen to be cheaper than it */
#define CLOSE 3       /* steps from the end of what is free, in which finishing is foreseen */
#define PROMISE 0.7   /* of the scan: foreseen costs above it are not worth the risk */
#define OVERRUN 1.5   /* times the promise; the true cost of a step is known before it is paid */

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_POPCNT_TARGET 1
#endif

/* How far the tables have been widened. */
typedef struct {
    int32_t radius;               /* every row within it was looked at */
    int32_t done[CL_TABLES_MAX];  /* the radius of each table, -1 at first */
    double probes[CL_TABLES_MAX]; /* that the next step of each table takes: a binomial */
} reach;

typedef struct {
    const cl_tables *t;
    cl_topk top;
    const uint8_t *allowed;
    const cl_prices *prices;
    cl_tables_work *work;
    reach at;
    double seen[CL_TABLES_MAX]; /* candidates a probe: counted at the last step, the mean at first */
    uint64_t query[CL_TABLES_MAX_WORDS];
} search;

/* The cheapest table to widen, and its cost; -1 when one table has been read whole. */
static int32_t next_step(const search *s, const reach *at, double *cost) {
    int32_t best = -1;
    *cost = 0;
    for (int32_t i = 0; i < s->t->m; i++) {
        if (at->done[i] >= s->t->table[i].bits) return -1;
        double step = at->probes[i] * (s->prices->probe + s->seen[i] * s->prices->candidate);
        if (best < 0 || step < *cost) best = i, *cost = step;
    }
    return best;
}

/* Note that a table has been widened by one bit. */
static void step(const search *s, reach *at, int32_t table) {
    int32_t bits = s->t->table[table].bits, radius = ++at->done[table];
    at->probes[table] *= (double)(bits - radius) / (radius + 1);
    at->radius = radius == bits ? s->t->n_bits : at->radius + 1; /* every value: every row */
}

/* What it costs from here until every row within `radius` was looked at; stops counting at most. */
static double foresee(const search *s, int32_t radius, double most) {
    reach at = s->at;
    double sum = 0, cost;
    while (at.radius < radius && sum <= most) {
        int32_t table = next_step(s, &at, &cost);
        if (table < 0) break;
        step(s, &at, table);
        sum += cost;
    }
    return sum;
}

/* A row turns up in several tables: it counts only where it is found first. */
static inline int found_before(const search *s, const uint64_t *code, int32_t table) {
    for (int32_t i = 0; i < s->t->m; i++) {
        if (i == table) continue;
        const cl_table *other = &s->t->table[i];
        uint32_t differ = cl_substring(code, other->first, other->bits) ^
                          cl_substring(s->query, other->first, other->bits);
        if (__builtin_popcount(differ) <= s->at.done[i]) return 1;
    }
    return 0;
}

static inline void offer(search *s, int32_t table, uint32_t row, const uint64_t *code,
                         int32_t distance) {
    if (row >= s->t->n) return; /* a damaged buffer */
    if (s->allowed && !(s->allowed[row >> 3] >> (row & 7) & 1)) return;
    if (found_before(s, code, table)) return;
    cl_topk_push(&s->top, distance, row);
}

static inline __attribute__((always_inline)) int32_t distance_of(const uint64_t *a,
                                                                 const uint64_t *b, int32_t w) {
    int32_t distance = 0;
    for (int32_t i = 0; i < w; i++) distance += __builtin_popcountll(a[i] ^ b[i]);
    return distance;
}

/* Cache lines of a run of codes that are fetched ahead. */
static inline int64_t run_lines(uint32_t from, uint32_t to, int32_t w) {
    int64_t lines = ((int64_t)(to - from) * w + 14) / 8;
    return lines < LONGEST_RUN ? lines : LONGEST_RUN;
}

/* Look at the rows from[i]..to[i]-1 of a table. `w` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void look_beside(search *s, int32_t table, int32_t n,
                                                              const uint32_t *from,
                                                              const uint32_t *to, int32_t w) {
    const cl_table *at = &s->t->table[table];
    int64_t flying = 0; /* lines on their way; of a long run the processor itself fetches the rest */
    for (int32_t i = 0, ahead = 0; i < n; i++) {
        while (ahead < n && flying < LINES_AHEAD) {
            const char *line = (const char *)(at->codes + (int64_t)from[ahead] * w);
            int64_t lines = run_lines(from[ahead], to[ahead], w);
            for (int64_t l = 0; l < lines; l++) __builtin_prefetch(line + 64 * l);
            flying += lines, ahead++;
        }
        flying -= run_lines(from[i], to[i], w);
        const uint64_t *code = at->codes + (int64_t)from[i] * w;
        for (uint32_t p = from[i]; p < to[i]; p++, code += w) {
            int32_t distance = distance_of(code, s->query, w);
            if (distance <= s->top.kth) offer(s, table, at->rows[p], code, distance);
        }
    }
}

/* The same where the codes lie elsewhere: all of a batch are on their way before the first is used. */
static inline __attribute__((always_inline)) void look_apart(search *s, int32_t table, int32_t n,
                                                             const uint32_t *from,
                                                             const uint32_t *to, int32_t w) {
    uint32_t batch[CHUNK], size = 0;
    for (int32_t i = 0; i < n; i++) {
        for (uint32_t p = from[i]; p < to[i]; p++) {
            uint32_t row = s->t->table[table].rows[p];
            if (row < s->t->n) { /* unless the buffer is damaged */
                __builtin_prefetch(s->t->codes + (int64_t)row * w);
                batch[size++] = row;
            }
            if (size < CHUNK && (i + 1 < n || p + 1 < to[i])) continue;
            for (uint32_t b = 0; b < size; b++) {
                const uint64_t *code = s->t->codes + (int64_t)batch[b] * w;
                int32_t distance = distance_of(code, s->query, w);
                if (distance <= s->top.kth) offer(s, table, batch[b], code, distance);
            }
            size = 0;
        }
    }
}

static inline __attribute__((always_inline)) void look_any(search *s, int32_t table, int32_t n,
                                                           const uint32_t *from,
                                                           const uint32_t *to, int32_t w) {
    if (s->t->beside)
        look_beside(s, table, n, from, to, w);
    else
        look_apart(s, table, n, from, to, w);
}

#define LOOK_BY_WIDTH                                                        \
    switch (s->t->n_words) {                                                 \
        case 1: look_any(s, table, n, from, to, 1); break;                   \
        case 2: look_any(s, table, n, from, to, 2); break;                   \
        case 4: look_any(s, table, n, from, to, 4); break;                   \
        default: look_any(s, table, n, from, to, s->t->n_words);             \
    }

typedef void look_function(search *s, int32_t table, int32_t n, const uint32_t *from,
                           const uint32_t *to);

static void look_portable(search *s, int32_t table, int32_t n, const uint32_t *from,
                          const uint32_t *to) {
    LOOK_BY_WIDTH
}

#ifdef HAS_POPCNT_TARGET
__attribute__((target("popcnt"))) static void look_popcnt(search *s, int32_t table, int32_t n,
                                                          const uint32_t *from,
                                                          const uint32_t *to) {
    LOOK_BY_WIDTH
}
#endif

static look_function *choose_look(void) {
#ifdef HAS_POPCNT_TARGET
    if (__builtin_cpu_supports("popcnt")) return look_popcnt;
#endif
    return look_portable;
}

/* Widen one table by one bit. Returns 0, or -1 once more than `most` would have been spent. */
static int widen(search *s, int32_t table, double most, look_function *look) {
    const cl_table *at = &s->t->table[table];
    int32_t radius = s->at.done[table] + 1;
    uint32_t base = cl_substring(s->query, at->first, at->bits);
    uint64_t end = 1ULL << at->bits, mask = (1ULL << radius) - 1;
    uint32_t value[CHUNK], from[CHUNK], to[CHUNK];
    int64_t probes = 0, candidates = 0;
    while (mask < end) {
        int32_t n = 0, found = 0;
        int64_t rows = 0;
        for (; n < CHUNK && mask < end; n++) {
            value[n] = base ^ (uint32_t)mask;
            __builtin_prefetch(at->starts + value[n]);
            if (!mask) {
                mask = end;
            } else { /* the next larger number with as many bits set (Gosper) */
                uint64_t lowest = mask & -mask, carried = mask + lowest;
                mask = (((carried ^ mask) >> 2) / lowest) | carried;
            }
        }
        for (int32_t i = 0; i < n; i++) {
            uint32_t first = at->starts[value[i]], last = at->starts[value[i] + 1];
            if (first >= last || last > s->t->n) continue; /* empty, or a damaged buffer */
            from[found] = first, to[found++] = last;
            rows += last - first;
            if (!s->t->beside) __builtin_prefetch(at->rows + first);
        }
        probes += n;
        s->work->probes += n;
        s->work->spent += n * s->prices->probe;
        if (s->work->spent + (double)rows * s->prices->candidate > most) return -1;
        candidates += rows;
        s->work->candidates += rows;
        s->work->spent += (double)rows * s->prices->candidate;
        look(s, table, found, from, to);
    }
    s->seen[table] = (double)candidates / (double)probes;
    step(s, &s->at, table);
    return 0;
}

/* Widen until nothing nearer can be left. Returns 0, or -1 where the scan is cheaper. */
static int widen_all(search *s, int32_t max_radius, look_function *look) {
    double free_of_promise = EXPLORE * s->prices->scan, most, cost;
    for (;;) {
        int32_t full = s->top.at_most >= s->top.k, reached = s->at.radius;
        if (reached >= s->top.kth || (full && reached >= max_radius)) return 0;
        int32_t table = next_step(s, &s->at, &cost);
        if (table < 0) return 0;
        double spent = s->work->spent, left = PROMISE * s->prices->scan - spent;
        most = free_of_promise;
        if (spent + CLOSE * cost > free_of_promise) {
            int32_t needed = s->top.kth < max_radius ? s->top.kth : max_radius;
            double foreseen = full ? foresee(s, needed, left) : left + 1;
            if (foreseen <= left && spent + OVERRUN * foreseen > most)
                most = spent + OVERRUN * foreseen;
            else if (foreseen > left && spent + cost > free_of_promise)
                return -1;
        }
        if (widen(s, table, most, look)) return -1;
    }
}

int64_t cl_tables_search(const cl_tables *tables, const uint8_t *query, int64_t k,
                         const uint8_t *allowed, int32_t within, int32_t max_radius,
                         const cl_prices *prices, int32_t *distance, int64_t *row,
                         cl_tables_work *work) {
    search s = {.t = tables, .allowed = allowed, .prices = prices, .work = work};
    memset(work, 0, sizeof *work);
    s.at.radius = -1;
    if (cl_topk_init(&s.top, k, tables->n_bits)) return -1;
    if (within < s.top.kth) s.top.kth = within;
    memcpy(s.query, query, (size_t)(tables->n_bits / 8));
    for (int32_t i = 0; i < tables->m; i++) {
        s.at.done[i] = -1;
        s.at.probes[i] = 1;
        s.seen[i] = (double)tables->n / (double)(1LL << tables->table[i].bits);
    }
    int64_t found = 0;
    if (widen_all(&s, max_radius, choose_look()))
        work->fell_back = 1;
    else
        found = cl_topk_finish(&s.top, distance, row);
    work->radius = s.at.radius;
    work->within = s.top.kth;
    cl_topk_free(&s.top);
    return found;
}
