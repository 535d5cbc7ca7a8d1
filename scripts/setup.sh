#!/usr/bin/env bash
# Make a locked environment. TORCH_INDEX may name PyTorch's CPU wheel index; see README.
set -euo pipefail
venv=$1
python=${PYTHON:-python3}
"$python" - <<'PY' || { echo "Caselight needs Python 3.11 or newer; set PYTHON=python3.11" >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "setting up $venv (a minute or two, once) ..." >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() { "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }; }

# uv is several times faster than pip; without it, pip does the same.
uv=$(command -v uv || true)
if [ -z "$uv" ] && "$venv/bin/python" -m pip install --quiet -c constraints.txt uv >"$log" 2>&1; then
  uv=$venv/bin/uv
fi
extra=()
[ -n "${TORCH_INDEX:-}" ] && extra+=(--extra-index-url "$TORCH_INDEX")
if [ -n "$uv" ]; then
  # uv does not read pip's settings, where a folder of wheels may be named.
  links=$("$venv/bin/python" -m pip config get global.find-links 2>/dev/null || true)
  [ -n "$links" ] && extra+=(--find-links "$links")
  [ -n "${TORCH_INDEX:-}" ] && extra+=(--index-strategy unsafe-best-match)
  # Compiled now, or the first command would be slow, and every one where nothing may be written.
  install=("$uv" pip install --quiet --compile-bytecode --python "$venv/bin/python")
else
  install=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
fi
run "${install[@]}" -c constraints.txt setuptools wheel
run "${install[@]}" -c constraints.txt ${extra[@]+"${extra[@]}"} --no-build-isolation -e '.[dev]'
