"""Formulas: how good a ranking is, and how far its numbers can be trusted.

Holds: `retrieval` (what one query is worth, averaged over ties) and `significance` (intervals that
resample patients).

Promises: NumPy in, NumPy out, one value a query; nothing here reads a file, knows a dataset or
depends on the order of the gallery. A query that cannot be judged is NaN and never zero. A
metric's name is its formula: when the formula changes, so does the name. Which metrics an
experiment reports is decided in `evaluation`.

Read first: `retrieval.score_queries`.
"""
