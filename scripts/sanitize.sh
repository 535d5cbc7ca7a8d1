#!/usr/bin/env bash
# Build the C code apart, with checks of every address and of undefined behaviour, and run its tests.
set -euo pipefail
python=${PYTHON:-python3}
build=build/sanitize
rm -rf "$build"
flags="-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
log=$(mktemp)
CFLAGS=$flags LDFLAGS=$flags "$python" setup.py -q build --build-base "$build/temp" \
  --build-lib "$build/lib" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
ls "$build"/lib/caselight/index/_native*.so >/dev/null || { cat "$log" >&2; exit 1; }
# Python leaks on purpose; its own memory is taken from malloc, so that every overrun is seen.
LD_PRELOAD=$(${CC:-gcc} -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
  PYTHONPATH=$build/lib "$python" -m pytest -p no:cacheprovider tests/index "$@"
