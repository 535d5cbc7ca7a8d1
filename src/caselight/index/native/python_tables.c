/* The tables as Python sees them: every buffer's size is looked at before a pointer is used. */
#include "python_tables.h"

#include "tables.h"

#define REFUSE(message)                               \
    do {                                              \
        PyErr_SetString(PyExc_ValueError, message);   \
        goto done;                                    \
    } while (0)

const char native_tables_size_doc[] = "(n, n_bits, m, beside): bytes of the buffer";
const char native_tables_build_doc[] =
    "(codes, n, n_bits, m, beside, buffer): fill a buffer of tables_size bytes";
const char native_tables_check_doc[] =
    "(buffer): (n, n_bits, m, beside) of sound tables, else ValueError";
const char native_tables_search_doc[] =
    "(buffer, queries, k, allowed, within, max_radius, probe, candidate, scan, distance, row, "
    "work): write the answers; (probes, candidates, queries that fell back, the greatest bound "
    "among those, the least radius of the others)";

enum { WORK = 6 }; /* numbers a query: found, probes, candidates, radius, within, fell back */

PyObject *native_tables_size(PyObject *module, PyObject *arguments) {
    (void)module;
    long long n;
    int n_bits, m, beside;
    if (!PyArg_ParseTuple(arguments, "Liip", &n, &n_bits, &m, &beside)) return NULL;
    int64_t size = cl_tables_size(n, n_bits, m, beside);
    if (size < 0)
        return PyErr_Format(PyExc_ValueError, "%d tables of %lld codes of %d bits cannot be; give "
                            "1 to 64 tables, and 8 to 512 bits in whole bytes", m, n, n_bits);
    return PyLong_FromLongLong(size);
}

PyObject *native_tables_build(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer codes = {0}, buffer = {0};
    long long n;
    int n_bits, m, beside;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*Liipw*", &codes, &n, &n_bits, &m, &beside, &buffer))
        return NULL;
    int64_t size = cl_tables_size(n, n_bits, m, beside);
    if (size < 0) REFUSE("no tables have this size; ask tables_size first");
    if (codes.len != n * (n_bits / 8)) REFUSE("the codes are not u8[n, n_bits / 8]");
    if (buffer.len != size || ((uintptr_t)buffer.buf & 7))
        REFUSE("the buffer is not what tables_size says, at a multiple of 8 bytes");
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = cl_tables_build(codes.buf, n, n_bits, m, beside, buffer.buf);
    Py_END_ALLOW_THREADS
    result = failed ? PyErr_NoMemory() : Py_NewRef(Py_None);
done:
    PyBuffer_Release(&codes);
    PyBuffer_Release(&buffer);
    return result;
}

PyObject *native_tables_check(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer buffer = {0};
    PyObject *result = NULL;
    cl_tables tables;
    if (!PyArg_ParseTuple(arguments, "y*", &buffer)) return NULL;
    if (cl_tables_open(buffer.buf, buffer.len, &tables))
        REFUSE("the tables are cut short or of another format; build them again");
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = cl_tables_check(&tables);
    Py_END_ALLOW_THREADS
    if (failed) REFUSE("the tables are damaged; build them again");
    result = Py_BuildValue("(Liii)", (long long)tables.n, (int)tables.n_bits, (int)tables.m,
                           (int)tables.beside);
done:
    PyBuffer_Release(&buffer);
    return result;
}

PyObject *native_tables_search(PyObject *module, PyObject *arguments) {
    (void)module;
    Py_buffer buffer = {0}, queries = {0}, allowed = {0}, distance = {0}, row = {0}, work = {0};
    long long k;
    int within, max_radius;
    cl_prices prices;
    PyObject *result = NULL;
    cl_tables tables;
    if (!PyArg_ParseTuple(arguments, "y*y*Lz*iidddw*w*w*", &buffer, &queries, &k, &allowed, &within,
                          &max_radius, &prices.probe, &prices.candidate, &prices.scan, &distance,
                          &row, &work))
        return NULL;
    if (cl_tables_open(buffer.buf, buffer.len, &tables))
        REFUSE("the tables are cut short or of another format; build them again");
    int64_t n_bytes = tables.n_bits / 8, n_queries = queries.len / n_bytes;
    if (queries.len % n_bytes) REFUSE("the queries are not u8[Q, n_bits / 8]");
    if (k < 1 || k > tables.n) REFUSE("k is not 1..n");
    if (within < 0 || max_radius < 0) REFUSE("a distance is at least 0");
    if (allowed.buf && allowed.len != (tables.n + 7) / 8) REFUSE("allowed is not one bit a row");
    if (n_queries && k > INT64_MAX / 8 / n_queries) REFUSE("k is not 1..n");
    if (distance.len != n_queries * k * 4 || row.len != n_queries * k * 8)
        REFUSE("the answers are not i32[Q, k] and i64[Q, k]");
    if (work.len != n_queries * WORK * 8) REFUSE("the work is not i64[Q, 6]");
    if (((uintptr_t)distance.buf & 3) || ((uintptr_t)row.buf & 7) || ((uintptr_t)work.buf & 7))
        REFUSE("an array does not begin at a whole number");
    int failed = 0, bound = 0, radius = tables.n_bits;
    int n_fell_back = 0;
    int64_t probes = 0, candidates = 0;
    Py_BEGIN_ALLOW_THREADS
    for (int64_t i = 0; i < n_queries && !failed; i++) {
        cl_tables_work did;
        int64_t *out = (int64_t *)work.buf + i * WORK;
        out[0] = cl_tables_search(&tables, (const uint8_t *)queries.buf + i * n_bytes, k,
                                  allowed.buf, within, max_radius, &prices,
                                  (int32_t *)distance.buf + i * k, (int64_t *)row.buf + i * k, &did);
        out[1] = did.probes, out[2] = did.candidates, out[3] = did.radius;
        out[4] = did.within, out[5] = did.fell_back;
        failed = out[0] < 0;
        probes += did.probes, candidates += did.candidates;
        n_fell_back += did.fell_back;
        if (did.fell_back && did.within > bound) bound = did.within;
        if (!did.fell_back && did.radius < radius) radius = did.radius;
    }
    Py_END_ALLOW_THREADS
    result = failed ? PyErr_NoMemory()
                    : Py_BuildValue("(LLiii)", (long long)probes, (long long)candidates,
                                    n_fell_back, bound, radius);
done:
    PyBuffer_Release(&buffer);
    PyBuffer_Release(&queries);
    PyBuffer_Release(&allowed);
    PyBuffer_Release(&distance);
    PyBuffer_Release(&row);
    PyBuffer_Release(&work);
    return result;
}
