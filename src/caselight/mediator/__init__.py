"""What stands between words and the index: guards, a plan, and a check of the answer.

A text is guarded (`guards/`), understood and turned into a closed `Plan` (`plan.py`), which the
verb `search` carries out; what comes back is held against the plan. Nothing here holds a home, an
index or a key: texts come in, values go out. A language model may write a draft of a plan
(`drafting.py`, `backends/`, `prompts/`), and nothing depends on it. Read `plan.py` first, and
decision 0036.
"""
