"""Training: features and pairs in, trained heads out.

Read `loop.py` first. One loop serves both stages: the float heads, then the hash heads. It never
sees the test split, and it cannot import the evaluation.
"""
