"""Training: a home's pairs in, trained heads out, and trained towers where the settings ask.

Read `run.py` first, then `stages.py` and `loop.py`: one loop serves the float heads, with towers in
training under them or cached features, and then the hash heads. `collect.py` says what is learned
from, `objective.py` by which terms. `tuning.py` looks for settings on the validation split,
`adapt.py` fits towers and models to another home. None of it learns from the test split, and it
cannot import the evaluation.
"""
