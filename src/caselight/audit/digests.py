"""What stands in a record instead of patient data and of what was asked.

A plain digest of a short query could be guessed by trying words, so digests are keyed: by the log's
key for what was asked, by a salt of the patient's own for what is about a patient. When the salt is
destroyed, nobody, the owner of the log included, can tell any more whom an old record was about.
Beside them stand coarse subgroups, so that it can be seen later whom a system served.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from caselight.types import Query, Study

_HEX = 32
"""Digits of a digest: 128 bits."""


def keyed_digest(key: bytes, kind: str, value: str | bytes) -> str:
    """A digest that can be made or checked only with the key, 32 hex digits.

    Args:
        key: the log's digest key, or a patient's salt.
        kind: what the value is; equal values of two kinds have two digests.
        value: what is not to be read.

    Source: HMAC-SHA-256, RFC 2104, truncated to 128 bits.
    """
    raw = value.encode() if isinstance(value, str) else value
    return hmac.new(key, kind.encode() + b"\x00" + raw, hashlib.sha256).hexdigest()[:_HEX]


def study_digest(salt: bytes, study_uid: str) -> str:
    """How records name a study, under its patient's salt."""
    return keyed_digest(salt, "study", study_uid)


def patient_digest(salt: bytes, patient_key: str) -> str:
    """How records name a patient, under the patient's own salt."""
    return keyed_digest(salt, "patient", patient_key)


def age_band(age: int | None) -> str | None:
    """Ten years of age, as `60-69`; the eldest, who are few, together."""
    if age is None:
        return None
    return "90+" if age >= 90 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"


def subgroup(study: Study) -> dict[str, str | None]:
    """Age band, sex and site of a study."""
    return {"age": age_band(study.age), "sex": study.sex, "site": study.site}


def query_payload(
    query: Query, *, key: bytes, picture: str | None, salts: Mapping[str, bytes]
) -> dict[str, Any]:
    """What a record says of a query.

    Args:
        query: what was asked.
        key: the log's digest key.
        picture: digest of the pixels of its picture, where it has one.
        salts: study named in `like` or `unlike` to its patient's salt.
    """
    years = query.patient.get("age", "")
    return {
        "text": None if query.text is None else keyed_digest(key, "text", query.text),
        "image": None if picture is None else keyed_digest(key, "picture", picture),
        "like": [study_digest(salts[uid], uid) for uid in query.like if uid in salts],
        "unlike": [study_digest(salts[uid], uid) for uid in query.unlike if uid in salts],
        "patient": {
            "age": age_band(int(years)) if years.isdigit() else None,
            "sex": query.patient.get("sex"),
        },
        "filters": {name: keyed_digest(key, "filter", v) for name, v in query.filters.items()},
        "target": query.target,
        "k": query.k,
        "by": query.by,
        "group": query.group,
    }
