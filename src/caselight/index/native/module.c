/* The extension module caselight.index._native: what the C files beside this one offer to Python.
 *
 * Another file joins with a header that declares its functions, and a line a function below.
 */
#include "python_scan.h"
#include "python_tables.h"

static PyMethodDef methods[] = {
    {"scan", native_scan, METH_VARARGS, native_scan_doc},
    {"instruction_sets", native_instruction_sets, METH_NOARGS, native_instruction_sets_doc},
    {"tables_size", native_tables_size, METH_VARARGS, native_tables_size_doc},
    {"tables_build", native_tables_build, METH_VARARGS, native_tables_build_doc},
    {"tables_check", native_tables_check, METH_VARARGS, native_tables_check_doc},
    {"tables_search", native_tables_search, METH_VARARGS, native_tables_search_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_native",
    .m_doc = "Hamming search in C; kernel.py and substrings.py are its faces.", .m_methods = methods};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module); }
