"""Verbs: what was said of answers in; pairs that a training may learn from out.

Whoever can make a model learn what they like can poison it. So nothing that was said of an answer,
by a person or by the mediator, is learned from before another person has approved it; each step is
on the record; and each can be undone, with the models that had learned from it by name.

Holds `giving` (give, review, undo), `pairs` (what a training may learn from), `keeping` (the words
of queries, where a site keeps them) and `answers` (what they share: an answer on the record).

Read first: `giving.give`, then `pairs.approved_pairs`.
"""
