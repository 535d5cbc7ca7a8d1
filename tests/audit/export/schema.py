"""Holds an XML text against the schema of DICOM audit messages, element by element.

Source: DICOM PS3.15, A.5.1.1. What the schema leaves out because nothing of ours uses it
(accession numbers, SOP classes) is not here either, and so would be found.
"""

import base64
import re
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

ONE_TOKEN = r"(?! )(?:[^\t\n\r ]| (?! ))*(?<! )"  # noqa: S105 - XML has tokens of its own
TEXT = r"[^\t\n\r]*"
BASE64 = r"[A-Za-z0-9+/=]*"
DATE_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"


def numbers(first: int, last: int) -> str:
    return "|".join(map(str, range(first, last + 1)))


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What an element must and may have; children in this order: name, least, most."""

    must: dict[str, str] = field(default_factory=dict)
    may: dict[str, str] = field(default_factory=dict)
    children: tuple[tuple[str, int, int], ...] = ()
    text: str = ""


MANY = 1 << 30
CODED = Shape(
    must={"csd-code": ONE_TOKEN, "codeSystemName": ONE_TOKEN, "originalText": ONE_TOKEN},
    may={"displayName": ONE_TOKEN},
)
SHAPES = {
    "AuditMessage": Shape(
        children=(
            ("EventIdentification", 1, 1),
            ("ActiveParticipant", 1, MANY),
            ("AuditSourceIdentification", 1, 1),
            ("ParticipantObjectIdentification", 0, MANY),
        )
    ),
    "EventIdentification": Shape(
        must={"EventDateTime": DATE_TIME, "EventOutcomeIndicator": "0|4|8|12"},
        may={"EventActionCode": "[CRUDE]"},
        children=(("EventID", 1, 1), ("EventTypeCode", 0, MANY), ("EventOutcomeDescription", 0, 1)),
    ),
    "EventOutcomeDescription": Shape(text=TEXT),
    "ActiveParticipant": Shape(
        must={"UserID": TEXT, "UserIsRequestor": "true|false"},
        may={
            "AlternativeUserID": TEXT,
            "UserName": TEXT,
            "NetworkAccessPointID": ONE_TOKEN,
            "NetworkAccessPointTypeCode": "[1-5]",
        },
        children=(("RoleIDCode", 0, MANY), ("MediaIdentifier", 0, 1)),
    ),
    "MediaIdentifier": Shape(children=(("MediaType", 1, 1),)),
    "AuditSourceIdentification": Shape(
        must={"AuditSourceID": ONE_TOKEN},
        may={"AuditEnterpriseSiteID": ONE_TOKEN},
        children=(("AuditSourceTypeCode", 0, MANY),),
    ),
    "AuditSourceTypeCode": Shape(must={"csd-code": "[1-9]"}),
    "ParticipantObjectIdentification": Shape(
        must={"ParticipantObjectID": ONE_TOKEN},
        may={
            "ParticipantObjectTypeCode": "[1-4]",
            "ParticipantObjectTypeCodeRole": numbers(1, 26),
            "ParticipantObjectDataLifeCycle": numbers(1, 15),
            "ParticipantObjectSensitivity": ONE_TOKEN,
        },
        children=(
            ("ParticipantObjectIDTypeCode", 1, 1),
            ("ParticipantObjectName|ParticipantObjectQuery", 1, 1),
            ("ParticipantObjectDetail", 0, MANY),
            ("ParticipantObjectDescription", 0, MANY),
        ),
    ),
    "ParticipantObjectName": Shape(text=ONE_TOKEN),
    "ParticipantObjectQuery": Shape(text=BASE64),
    "ParticipantObjectDetail": Shape(must={"type": ONE_TOKEN, "value": BASE64}),
    "ParticipantObjectDescription": Shape(children=(("Encrypted", 0, 1), ("Anonymized", 0, 1))),
    "Encrypted": Shape(text="true|false"),
    "Anonymized": Shape(text="true|false"),
    **dict.fromkeys(
        ("EventID", "EventTypeCode", "RoleIDCode", "MediaType", "ParticipantObjectIDTypeCode"),
        CODED,
    ),
}


def parsed(xml: bytes | str) -> ET.Element:
    """Read a message that must be well-formed and of the schema."""
    root = ET.fromstring(xml)  # noqa: S314 - our own message
    assert root.tag == "AuditMessage"
    check(root)
    return root


def check(element: ET.Element) -> None:
    """Hold an element, and all below it, against the schema."""
    assert element.tag in SHAPES, f"there is no {element.tag}"
    shape = SHAPES[element.tag]
    allowed = {**shape.must, **shape.may}
    assert shape.must.keys() <= element.attrib.keys(), element.tag
    for name, value in element.attrib.items():
        assert name in allowed, f"{element.tag} has no {name}"
        assert re.fullmatch(allowed[name], value), f"{element.tag} {name}={value!r}"
        if allowed[name] == BASE64:
            base64.b64decode(value, validate=True)
    assert re.fullmatch(shape.text, element.text or ""), f"{element.tag}: {element.text!r}"
    left = [child.tag for child in element]
    for names, least, most in shape.children:
        n = 0
        while left and left[0] in names.split("|"):
            left.pop(0)
            n += 1
        assert least <= n <= most, f"{element.tag} has {n} {names}"
    assert not left, f"{element.tag} has {left[0]} out of place"
    for child in element:
        assert not (child.tail or "").strip()
        check(child)


def codes(element: ET.Element, path: str) -> list[tuple[str, str]]:
    """Codes below an element: value and scheme."""
    return [
        (one.attrib["csd-code"], one.attrib["codeSystemName"]) for one in element.iterfind(path)
    ]


def details(root: ET.Element) -> dict[str, bytes]:
    """What the object of the record says, decoded."""
    return {
        one.attrib["type"]: base64.b64decode(one.attrib["value"])
        for one in root.iter("ParticipantObjectDetail")
    }
