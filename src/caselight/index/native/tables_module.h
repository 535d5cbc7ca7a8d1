/* The tables as Python sees them; see substrings.py for what the arguments mean. */
#ifndef CASELIGHT_TABLES_MODULE_H
#define CASELIGHT_TABLES_MODULE_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#include <Python.h>

/* Rows of the module's method table. */
PyObject *cl_py_tables_size(PyObject *module, PyObject *arguments);
PyObject *cl_py_tables_build(PyObject *module, PyObject *arguments);
PyObject *cl_py_tables_check(PyObject *module, PyObject *arguments);
PyObject *cl_py_tables_search(PyObject *module, PyObject *arguments);

#define CL_TABLES_METHODS                                                                     \
    {"tables_size", cl_py_tables_size, METH_VARARGS, "(n, n_bits, m, beside): bytes"},        \
    {"tables_build", cl_py_tables_build, METH_VARARGS,                                        \
     "(codes, n, n_bits, m, beside, buffer): fill a buffer of tables_size bytes"},            \
    {"tables_check", cl_py_tables_check, METH_VARARGS,                                        \
     "(buffer): (n, n_bits, m, beside) of sound tables, else ValueError"},                    \
    {"tables_search", cl_py_tables_search, METH_VARARGS,                                      \
     "(buffer, queries, k, allowed, within, max_radius, probe, candidate, scan, distance, "   \
     "row, work): write the answers"}

#endif
