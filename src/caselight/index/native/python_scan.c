/* The scan, for Python: nothing is read before every size has been checked. */
#include "python_scan.h"

#include "scan.h"

const char native_instruction_sets_doc[] =
    "instruction_sets() -> tuple of names, the fastest first: what this processor has.";

const char native_scan_doc[] =
    "scan(blocks, n, n_bytes, first, last, queries, k, allowed, within, isa, rows, distance)\n\n"
    "Write the k nearest codes of blocks first..last - 1 for each query to rows, i64[Q, k], and\n"
    "distance, i32[Q, k]; where fewer are found, -1 and the greatest distance plus 1. allowed is\n"
    "None or a bitmap, within the greatest distance wanted, isa None or a name.";

enum { BATCH = 256, KEYS_AT_ONCE = 1 << 22 }; /* queries that are searched together, at most */

PyObject *native_instruction_sets(PyObject *self, PyObject *none) {
    (void)self, (void)none;
    const cl_isa *const *isas = cl_isas();
    Py_ssize_t n = 0;
    while (isas[n]) n++;
    PyObject *names = PyTuple_New(n);
    for (Py_ssize_t i = 0; names && i < n; i++) {
        PyObject *name = PyUnicode_FromString(isas[i]->name);
        if (!name) Py_CLEAR(names);
        else PyTuple_SetItem(names, i, name);
    }
    return names;
}

typedef struct {
    cl_codes codes;
    const cl_isa *isa;
    const uint8_t *queries;
    int64_t n_queries, first, last, k;
    int within;
    int64_t *rows;
    int32_t *distance;
} job;

/* Search queries from..to - 1; -1 when there is no memory. */
static int search(const job *job, int64_t from, int64_t to) {
    cl_query queries[BATCH];
    cl_topk *tops = malloc(sizeof(cl_topk) * (size_t)(to - from));
    int64_t n = 0;
    while (tops && n < to - from && cl_topk_init(&tops[n], job->k, job->within) == 0) {
        queries[n] = cl_query_of(job->queries + (from + n) * job->codes.n_bytes, &tops[n]);
        n++;
    }
    int ok = n == to - from;
    if (ok) cl_scan(job->isa, &job->codes, job->first, job->last, queries, n);
    for (int64_t q = 0; q < n; q++) {
        int32_t *distance = job->distance + (from + q) * job->k;
        int64_t *rows = job->rows + (from + q) * job->k;
        if (ok)
            for (int64_t i = cl_topk_finish(&tops[q], distance, rows); i < job->k; i++) {
                distance[i] = 8 * job->codes.n_bytes + 1;
                rows[i] = -1;
            }
        cl_topk_free(&tops[q]);
    }
    free(tops);
    return ok ? 0 : -1;
}

static int search_all(const job *job) {
    int64_t step = KEYS_AT_ONCE / (job->k + 1);
    step = step < 1 ? 1 : step > BATCH ? BATCH : step;
    for (int64_t q = 0; q < job->n_queries; q += step)
        if (search(job, q, q + step < job->n_queries ? q + step : job->n_queries)) return -1;
    return 0;
}

/* What is wrong with the sizes, or NULL. */
static const char *wrong(const job *job, const Py_buffer *blocks, const Py_buffer *queries,
                         const Py_buffer *allowed, const Py_buffer *rows,
                         const Py_buffer *distance) {
    const cl_codes *codes = &job->codes;
    if (codes->n_bytes < 1 || codes->n_bytes > CL_MAX_BYTES) return "a code has 1 to 64 bytes";
    if (codes->n < 0 || codes->n >= 1LL << 40) return "there are 0 to 2**40 codes";
    if (blocks->len != cl_n_blocks(codes->n) * CL_BLOCK * codes->n_bytes)
        return "the blocks are not as long as that many codes are";
    if (job->first < 0 || job->first > job->last || job->last > cl_n_blocks(codes->n))
        return "there are no such blocks";
    if (queries->len % codes->n_bytes) return "the queries are no whole number of codes";
    if (job->k < 1 || job->k > codes->n) return "k is at least 1 and at most the number of codes";
    if (job->n_queries > 0 && job->k > PY_SSIZE_T_MAX / 8 / job->n_queries)
        return "the answer is too long";
    if (allowed->buf && allowed->len != (codes->n + 7) / 8)
        return "allowed has one bit for each code, in whole bytes";
    if (job->within < 0 || job->within > 8 * codes->n_bytes)
        return "within is 0 to the number of bits";
    if (rows->len != job->n_queries * job->k * 8) return "rows is not i64[Q, k]";
    if (distance->len != job->n_queries * job->k * 4) return "distance is not i32[Q, k]";
    if ((uintptr_t)rows->buf % 8 || (uintptr_t)distance->buf % 4)
        return "rows or distance is not aligned";
    if (!job->isa) return "this machine does not have that instruction set";
    return NULL;
}

PyObject *native_scan(PyObject *self, PyObject *args) {
    Py_buffer blocks, queries, rows, distance, allowed = {0};
    PyObject *bitmap;
    const char *isa;
    long long n, first, last, k;
    int n_bytes, within, failed = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*LiLLy*LOizw*w*:scan", &blocks, &n, &n_bytes, &first, &last,
                          &queries, &k, &bitmap, &within, &isa, &rows, &distance))
        return NULL;
    if (bitmap != Py_None) failed = PyObject_GetBuffer(bitmap, &allowed, PyBUF_SIMPLE);
    if (!failed) {
        const cl_codes codes = {blocks.buf, n, n_bytes, allowed.buf};
        const job job = {.codes = codes,
                         .isa = cl_isa_named(isa),
                         .queries = queries.buf,
                         .n_queries = n_bytes > 0 ? queries.len / n_bytes : 0,
                         .first = first,
                         .last = last,
                         .k = k,
                         .within = within,
                         .rows = rows.buf,
                         .distance = distance.buf};
        const char *why = wrong(&job, &blocks, &queries, &allowed, &rows, &distance);
        if (why) {
            PyErr_SetString(PyExc_ValueError, why);
            failed = 1;
        } else {
            Py_BEGIN_ALLOW_THREADS
            failed = search_all(&job);
            Py_END_ALLOW_THREADS
            if (failed) PyErr_NoMemory();
        }
    }
    if (allowed.obj) PyBuffer_Release(&allowed);
    PyBuffer_Release(&distance);
    PyBuffer_Release(&rows);
    PyBuffer_Release(&queries);
    PyBuffer_Release(&blocks);
    if (failed) return NULL;
    Py_RETURN_NONE;
}
