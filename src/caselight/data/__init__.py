"""Archives in, studies out: reading what a hospital or a public set has on disk.

Holds: `archive` (open a folder, whatever it is), `manifest` and `columns` (a CSV or JSONL table of
images and texts), `dicom` (a folder of DICOM files), `pixels` (one picture, exactly), `fingerprint`
and `leaks` (which pictures, patients and texts sit in two splits), `store` (the home's database)
and `phantoms` (made-up studies for demos and tests).

Promises: a file is read exactly or refused with a `DataError` that says what to do; nothing is
guessed, repaired or replaced by a blank; no global switch of Pillow, pydicom or csv is touched; no
message holds a patient's id, name or words.

Read first: `archive.open_archive`, then `pixels.read_pixels`.
"""
