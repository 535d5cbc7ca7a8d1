"""The language of reports and questions: what words name, and what a sentence says of it.

Rules and rows, no model: a lexicon of concepts (`lexicon.py`, more of them by `licensed.py`), where
a text mentions them (`mentions.py`), whether it affirms, denies, doubts or remembers them
(`context.py`, by the rows of `context_rules.tsv`), on which side, how large and how bad
(`modifiers.py`), of whom (`patients.py`) and when (`times.py`); `reading.py` puts it together.
English alone. What a question wants and what is done about it is the mediator's. Read `nouns.py`
first.
"""
