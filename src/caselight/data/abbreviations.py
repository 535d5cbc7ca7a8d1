"""Abbreviations that have one meaning in an imaging report, written out and written short.

Left out on purpose: what has two meanings (PE, MI, ICD, CPA, PA, DX), what reads as a word in
capitals (US, TIPS, CAD), and what holds a side (RUL, LV) or a negation (w/o, neg.).
"""

import re
from collections.abc import Mapping

ABBREVIATIONS: Mapping[str, str] = {
    "AAA": "abdominal aortic aneurysm",
    "ACL": "anterior cruciate ligament",
    "AP": "anteroposterior",
    "ARDS": "acute respiratory distress syndrome",
    "AVM": "arteriovenous malformation",
    "AVN": "avascular necrosis",
    "BAL": "bronchoalveolar lavage",
    "BPH": "benign prostatic hyperplasia",
    "CABG": "coronary artery bypass grafting",
    "CBD": "common bile duct",
    "CHF": "congestive heart failure",
    "CKD": "chronic kidney disease",
    "COPD": "chronic obstructive pulmonary disease",
    "CSF": "cerebrospinal fluid",
    "CT": "computed tomography",
    "CVC": "central venous catheter",
    "CXR": "chest x-ray",
    "DJD": "degenerative joint disease",
    "DVT": "deep vein thrombosis",
    "ECG": "electrocardiogram",
    "EEG": "electroencephalogram",
    "ERCP": "endoscopic retrograde cholangiopancreatography",
    "ESRD": "end-stage renal disease",
    "ETT": "endotracheal tube",
    "FNA": "fine needle aspiration",
    "GERD": "gastroesophageal reflux disease",
    "GGO": "ground-glass opacity",
    "HCC": "hepatocellular carcinoma",
    "HIV": "human immunodeficiency virus",
    "IBD": "inflammatory bowel disease",
    "ICU": "intensive care unit",
    "IJ": "internal jugular",
    "ILD": "interstitial lung disease",
    "IPF": "idiopathic pulmonary fibrosis",
    "IVC": "inferior vena cava",
    "MRA": "magnetic resonance angiography",
    "MRCP": "magnetic resonance cholangiopancreatography",
    "MRI": "magnetic resonance imaging",
    "NGT": "nasogastric tube",
    "NSCLC": "non-small cell lung cancer",
    "ORIF": "open reduction and internal fixation",
    "PCL": "posterior cruciate ligament",
    "PICC": "peripherally inserted central catheter",
    "PTX": "pneumothorax",
    "RCC": "renal cell carcinoma",
    "SAH": "subarachnoid hemorrhage",
    "SBO": "small bowel obstruction",
    "SCLC": "small cell lung cancer",
    "SVC": "superior vena cava",
    "TB": "tuberculosis",
    "TIA": "transient ischemic attack",
    "UIP": "usual interstitial pneumonia",
    "UTI": "urinary tract infection",
    "VATS": "video-assisted thoracoscopic surgery",
    "WNL": "within normal limits",
    "bx": "biopsy",
    "c/w": "consistent with",
    "d/w": "discussed with",
    "dz": "disease",
    "f/u": "follow-up",
    "fx": "fracture",
    "h/o": "history of",
    "hx": "history",
    "nl": "normal",
    "pulm.": "pulmonary",
    "s/p": "status post",
    "vasc.": "vascular",
    "y/o": "year-old",
}
"""Short to long. A short form in capitals is only known in capitals; the others in any case."""

_LONG = {long: short for short, long in ABBREVIATIONS.items()}
# A full stop of its own would look like the sentence's, so a dotted form needs a word behind it.
_DOTTED_FOLLOWS = r"(?= [a-z])"
# "computed tomography (CT)" explains itself: both stay.
_EDGE, _END = r"(?<![\w/(-])", r"(?![\w/-]| \()"


def expand(text: str) -> str:
    """Write out every abbreviation of the table; articles stay as they are."""
    return _SHORT_FORMS.sub(lambda found: _like(_meaning(found[0]), found, text), text)


def contract(text: str) -> str:
    """Write short everything that the table has an abbreviation for; articles stay."""
    return _LONG_FORMS.sub(lambda found: _like(_LONG[found[0].lower()], found, text), text)


def _meaning(short: str) -> str:
    return ABBREVIATIONS.get(short) or ABBREVIATIONS[short.lower()]


def _like(words: str, found: re.Match[str], text: str) -> str:
    """Capitals as what is replaced had them, or as the start of a sentence wants them."""
    # Of "CXR WNL." nothing is left that could be said to be in capitals.
    if _SHORT_FORMS.sub("", text).isupper():
        return words.upper()
    before = text[: found.start()].rstrip()
    opens = not before or before[-1] in ".!?:" or "\n" in text[len(before) : found.start()]
    capital = found[0][0].isupper() and (opens or not found[0].isupper())
    return words[:1].upper() + words[1:] if capital else words


def _form(words: str, short: str) -> str:
    known = words if words.isupper() else f"(?i:{re.escape(words)})"
    return known + (_DOTTED_FOLLOWS if short.endswith(".") else _END)


def _either(forms: Mapping[str, str]) -> re.Pattern[str]:
    """Any of the forms, the longest first, so that none is found inside another."""
    longest = sorted(forms.items(), key=lambda form: -len(form[0]))
    return re.compile(_EDGE + "(?:" + "|".join(_form(*form) for form in longest) + ")")


_SHORT_FORMS = _either({short: short for short in ABBREVIATIONS})
_LONG_FORMS = _either(_LONG)
