"""The small words that part a sentence into statements and phrases."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


AUXILIARIES = _set(
    "is are was were be been being has have had can could do does did also now currently still "
    "considered felt thought to"
)
"""Words between a thing and what is said of it."""
VERBS = _set(
    "is are was were has have had shows show showed demonstrates demonstrate demonstrated reveals "
    "revealed remains remain remained appears appear appeared contains measures lies"
)
SEEN = _set(
    "seen identified noted present demonstrated visualized visualised observed detected found "
    "evident appreciated shown apparent visible recorded not"
)
"""After a verb, these speak of the whole list before them: "no A, B or C is seen"."""
DEGREES = _set(
    "a an mild mildly moderate moderately small large severe severely marked minimal trace tiny "
    "slight slightly stable unchanged known persistent bilateral chronic old extensive status "
    "again there no"
)
"""After a comma or "and", these begin another statement, unless "or" shows that a list goes on."""
ASKS = _set("is are was were does do did has have any could can which what where")
"""A sentence that begins so and ends in a question mark asks for all that it names."""
JOINS = _set(", and - \u2013 \u2014")
PHRASE_ENDS = _set(", ; : ( ) and with") | VERBS
PHRASE_PARTS = _set(
    ", ; : ( ) and or but nor with without which while there versus vs plus adjacent near abutting "
    "next no not"
)
PIECE_PARTS = VERBS | _set(
    "in of at on within along involving into from to for measuring measures measured over "
    "throughout across through around about seen noted located"
)
"""What parts a phrase into the thing and where it is, or what it is like."""
FUNCTION_WORDS = VERBS | _set(
    "a about all also am an and any as at be been being but by can could did do does each for from "
    "he her his i if in into it its itself may me might more most my no nor not of on one or other "
    "our out over own per please she should so some such than that the their them then there these "
    "they this those through to too under up us very via we what when where which while who with "
    "within without would you your"
)
"""Words that carry no meaning of their own for a search."""
TITLES = _set("dr mr mrs ms prof st vs e.g eg i.e ie approx")
"""A point after these never ends a sentence."""
ABBREVIATIONS = TITLES | _set(
    "al fig ca cf resp incl no inc nos pt hx dx tx rt lt sup inf ant post max min vol dept tel sec "
    "seg wt ht"
)
"""Nor after these where the line goes on in lower case or with a number."""
LEADS_ON = _set(
    "a an and as at by for from in is are was were no not of on or over the than then to without "
    "with which that"
)
"""A line that ends in one of these goes on in the next."""
