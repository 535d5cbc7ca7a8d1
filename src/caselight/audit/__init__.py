"""Audit: the record of all that was done, which cannot be quietly changed.

Read `record.py` first: what one record is. `log.py` appends records and keeps them; `notes.py`
signs the root of the tree over them (`caselight/merkle.py`), `verify.py` finds and locates what was
changed, `proofs.py` proves a single record, or that a log only grew, to whom has nothing but a
checkpoint. `digests.py` says what may stand in a record instead of patient data.
"""
