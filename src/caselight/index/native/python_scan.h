/* The scan, for Python. */
#ifndef CASELIGHT_PYTHON_SCAN_H
#define CASELIGHT_PYTHON_SCAN_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyObject *native_scan(PyObject *self, PyObject *args);
PyObject *native_instruction_sets(PyObject *self, PyObject *none);
extern const char native_scan_doc[], native_instruction_sets_doc[];

#endif
