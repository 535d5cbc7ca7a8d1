/* The tables as Python calls them; caselight.index.substrings says what the arguments mean. */
#ifndef CASELIGHT_PYTHON_TABLES_H
#define CASELIGHT_PYTHON_TABLES_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

PyObject *native_tables_size(PyObject *module, PyObject *arguments);
PyObject *native_tables_build(PyObject *module, PyObject *arguments);
PyObject *native_tables_check(PyObject *module, PyObject *arguments);
PyObject *native_tables_search(PyObject *module, PyObject *arguments);

extern const char native_tables_size_doc[], native_tables_build_doc[], native_tables_check_doc[],
    native_tables_search_doc[];

#endif
