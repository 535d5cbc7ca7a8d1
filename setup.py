"""The one compiled part: the Hamming scan. Without a compiler the package installs all the same."""

from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("src/caselight/index/native")

setup(
    ext_modules=[
        Extension(
            "caselight.index._native",
            sources=sorted(str(path) for path in NATIVE.glob("*.c")),
            depends=sorted(str(path) for path in NATIVE.glob("*.h")),
            extra_compile_args=["-O3", "-std=c11"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
