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
extra=()
[ -n "${TORCH_INDEX:-}" ] && extra+=(--extra-index-url "$TORCH_INDEX")
if command -v uv >/dev/null 2>&1; then
  # uv does not read pip's settings, where a folder of wheels may be named.
  links=$("$venv/bin/python" -m pip config get global.find-links 2>/dev/null || true)
  [ -n "$links" ] && extra+=(--find-links "$links")
  [ -n "${TORCH_INDEX:-}" ] && extra+=(--index-strategy unsafe-best-match)
  install=(uv pip install --quiet --python "$venv/bin/python")
else
  install=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "setting up $venv (a minute or two, once) ..." >&2
run() { "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }; }
run "${install[@]}" -c constraints.txt setuptools wheel
run "${install[@]}" -c constraints.txt ${extra[@]+"${extra[@]}"} --no-build-isolation -e '.[dev]'
