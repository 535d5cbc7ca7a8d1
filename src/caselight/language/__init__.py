"""The language of reports and questions: what words name, and what a sentence says of it.

Rules and rows, no model: a lexicon of concepts (`lexicon.py`, more of them by `licensed.py`), where
a text mentions them (`mentions.py`), whether it affirms, denies, doubts or remembers them
(`context.py`), and on which side, how large and how bad (`modifiers.py`). English alone. What a
question wants and what is done about it is the mediator's. Read `nouns.py` first.
"""
