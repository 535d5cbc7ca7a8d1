"""Evaluation: how good a model is, with honest numbers.

Read `suite.py` first: it scores every reading of a model in three directions, beside what is
possible (ceiling), what luck gives (chance) and what needs no model (sanity rows), and it raises
an alarm when a number cannot be right. `relevance.py` says what counts as relevant.
"""
