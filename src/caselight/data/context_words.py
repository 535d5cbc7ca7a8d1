"""The words of `findings.py` that deny a finding, doubt it, or end what is denied or doubted.

Regular expressions over lower-case text in which a run of white space and hyphens is one space,
matched as whole words; of two that overlap the longer one counts.

Source of the kinds: Chapman et al., J Biomed Inform 34 (2001), the NegEx algorithm; Harkema et al.,
J Biomed Inform 42 (2009), ConText. The lists are our own.
"""

_BE = r"(?:is|are|was|were|be|has been|have been|had been)"
_SEEN = (
    r"(?:seen|identified|noted|present|demonstrated|visuali[sz]ed|observed|detected|found|evident|"
    r"appreciated|encountered|monitored|distinguished|shown|apparent|recorded|enlarged|increased)"
)

DENY_BEFORE = (
    *(r"no(?: longer)?", r"without", r"w/o", r"negative(?: for)?", r"(?:free|clear) of"),
    *(r"absence of", r"absent", r"lack(?:s|ing)?(?: of)?", r"neither", r"nor", r"not", r"never"),
    *(r"(?:resolution|removal|disappearance) of", r"interval resolution of", r"rather than"),
    *(r"resolved", r"rule[sd]? out", r"exclud(?:es|ing|ed)", r"fail\w* to (?:show|demonstrate)"),
    *(r"\w+n['\u2019]t", r"cannot(?: be)?"),
)
DENY_AFTER = (
    rf"(?:(?:{_BE}|could|can|do|does|did) )?(?:not|n['\u2019]t|cannot)(?: be)?(?: \w+ly)? {_SEEN}",
    rf"{_BE} (?:absent|excluded|negative|unlikely|ruled out|removed|resolved)",
    r"(?:has|have|had)(?: \w+)? resolved",
    *(r"absent", r"resolved", r"none", r"unlikely", r"ruled out"),
)
DOUBT_BEFORE = (
    *(
        r"possib(?:le|ly|ility of)",
        r"probabl[ey]",
        r"questionable",
        r"question(?: of)?",
        r"perhaps",
    ),
    *(r"(?:may|might|could|would)(?: \w+)? (?:be|represent|reflect|suggest|indicate)", r"likely"),
    *(r"(?:cannot|can ?not|difficult to|unable to|not) (?:\w+ )?(?:exclude|rule out)",),
    *(
        r"suspect(?:ed|s|ing)?",
        r"suspicious (?:for|of)",
        r"suspicion(?: (?:for|of))?",
        r"concern\w*(?: for)?",
    ),
    *(
        r"suggest(?:s|ing|ive)?(?: of)?",
        r"presum\w+",
        r"equivocal",
        r"versus|vs\b\.?",
        r"borderline",
    ),
    *(r"differential(?: \w+){0,3} (?:includes?|of)", r"worrisome for", r"potential\w*"),
)
DOUBT_AFTER = (
    rf"(?:{_BE} |could )?(?:not|cannot|can ?not)(?: be)?(?: \w+ly)? (?:excluded|ruled out)",
    rf"{_BE} (?:possible|suspected|questionable|considered|questioned|likely)",
    *(r"(?:may|might|could) be (?:present|considered)", r"suspected", r"versus|vs\b\.?"),
)
NO_CLAIM = (
    *(
        r"(?:family )?history of",
        r"h/o",
        r"hx(?: of)?",
        r"r/o",
        r"evaluat\w+ for",
        r"assess\w* for",
    ),
    *(r"to (?:exclude|rule out)", r"obscures?|obscuring", r"risk of", r"screening for"),
)
"""What follows says nothing of this picture."""
NO_DENIAL = (
    r"(?:no|without)(?: (?:significant|interval|appreciable|definite|substantial|obvious))*"
    r" (?:change|changes|increase|decrease|progression|worsening|improvement)(?: (?:in|of))?",
    *(r"not only", r"not (?:significantly |substantially )?(?:changed|increased|decreased)"),
    *(r"non ?(?:contrast|specific|calcified|displaced|enhanc\w+|loculated|enlarged|obstruct\w+)",),
    r"no (?:prior|previous|comparison)",
    r"not (?:well|clearly|fully|completely|optimally) (?:seen|evaluated|visuali[sz]ed)",
)
"""Has a word of denial and denies nothing that follows."""
ENDS = (
    *(r"but", r"however", r"although", r"though", r"except(?:ing| for)?", r"apart from", r"yet"),
    *(r"aside from", r"other than", r"besides", r"there (?:is|are|was|were)", r"which", r"while"),
    *(r"whereas", r"when", r"still"),
)
"""What was denied or doubted ends here."""
ENDS_DENIAL = (
    *(r"with", r"secondary to", r"due to", r"because", r"since", r"causing"),
    r"(?:consistent|compatible) with",
)
"""What was denied ends here; what was doubted goes on ("may be due to ...")."""
VERBS = (r"is|are|was|were|has|have|shows?|demonstrates?|reveals?|remains?|appears?|seen|noted",)
"""A denial that follows its finding reaches back to the last of these."""
