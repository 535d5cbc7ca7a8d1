#!/usr/bin/env bash
# The main job, from nothing: phantoms, ingest, train, index, three searches.
set -euo pipefail
here=${1:-demo}
studies=${STUDIES:-240}
rm -rf "$here"
mkdir -p "$here"
say() { printf '\n$ %s\n' "$*"; "$@"; }

say caselight demo-archive "$here/archive" --studies "$studies" --seed 1
say caselight ingest "$here/archive" --home "$here/home"
say caselight train --home "$here/home"
say caselight index build --home "$here/home"

# Other patients than the archive's: a picture from outside the home.
say caselight demo-archive "$here/outside" --studies 4 --seed 2
picture=$(ls "$here"/outside/dicom/*/pa.dcm | head -n 1)

printf '\n1. words to study\n'
say caselight search "large left pleural effusion" --home "$here/home" -k 5
printf '\n2. a picture from outside the home to report\n'
say caselight search --image "$picture" --target report --home "$here/home" -k 5
printf '\n3. picture to picture\n'
say caselight search --image "$picture" --target image --home "$here/home" -k 5

cat <<NEXT

Done. What to type next (after: source .venv/bin/activate):
  caselight search "enlarged heart, no effusion" --home $here/home
  caselight evaluate --home $here/home --model $here/home/trained
  caselight export "pneumothorax" --home $here/home --out $here/hits     a page of pictures
  caselight ingest YOUR_FOLDER --home my-home     DICOM, or PNGs with records.csv: see README
NEXT
