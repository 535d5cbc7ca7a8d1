"""The words of the phantom reports for what was put into a patient, and for taking it out."""

from caselight.data.phantoms.wording import Style

FOUND: dict[str, dict[Style, tuple[str, ...]]] = {
    "pacemaker": {
        "full": (
            "a {side} chest pacemaker is in place with its lead over the right ventricle",
            "a {side}-sided pacemaker is seen with an intact lead",
            "the generator of a pacemaker projects over the {side} upper chest",
            "a cardiac pacemaker lies in the {side} chest wall",
        ),
        "terse": (
            "{side} chest pacemaker in place",
            "{side}-sided pacemaker, lead intact",
            "pacemaker generator over {side} chest",
            "{side} pacemaker with lead in right ventricle",
        ),
        "short": (
            "{side} PPM in situ",
            "{side} chest PPM, lead intact",
            "{side} pacer, RV lead",
            "PPM generator {side} chest",
        ),
    },
    "central_line": {
        "full": (
            "a {side} central venous catheter ends in the superior vena cava",
            "the tip of a {side}-sided central line projects over the superior vena cava",
            "there is a {side} central venous line in good position",
            "a {side} internal jugular central line is in place",
        ),
        "terse": (
            "{side} central line, tip in SVC",
            "{side} central venous catheter in place",
            "{side}-sided central line in good position",
            "{side} IJ central line, tip at cavoatrial junction",
        ),
        "short": (
            "{side} CVC, tip SVC",
            "{side} IJ CVC in situ",
            "{side} central line, tip SVC",
            "{side} CVC ok",
        ),
    },
    "endotracheal_tube": {
        "full": (
            "an endotracheal tube is in place with its tip above the carina",
            "the tip of the endotracheal tube lies above the carina",
            "the patient is intubated, and the endotracheal tube is in satisfactory position",
            "an endotracheal tube ends in the mid trachea",
        ),
        "terse": (
            "endotracheal tube tip above carina",
            "endotracheal tube in good position",
            "ET tube in mid trachea",
            "intubated, endotracheal tube satisfactory",
        ),
        "short": ("ETT above carina", "ETT in situ", "ETT tip mid trachea", "ETT ok"),
    },
    "chest_drain": {
        "full": (
            "a {side} chest drain is in place",
            "there is a {side}-sided chest tube",
            "a {side} pleural drain projects over the hemithorax",
            "a {side} chest tube lies along the chest wall",
        ),
        "terse": (
            "{side} chest drain in place",
            "{side}-sided chest tube",
            "{side} pleural drain in situ",
            "{side} chest tube, position satisfactory",
        ),
        "short": (
            "{side} chest drain in situ",
            "{side} ICD in situ",
            "{side} chest tube ok",
            "{side} pl. drain",
        ),
    },
    "nasogastric_tube": {
        "full": (
            "a nasogastric tube passes below the diaphragm",
            "the tip of a nasogastric tube projects over the stomach",
            "a feeding nasogastric tube is in place",
            "there is a nasogastric tube that ends in the stomach",
        ),
        "terse": (
            "nasogastric tube in stomach",
            "NG tube below diaphragm",
            "nasogastric tube in place",
            "NG tube tip over stomach",
        ),
        "short": ("NGT in stomach", "NGT in situ", "NGT below diaphragm", "NGT ok"),
    },
    "sternal_wires": {
        "full": (
            "median sternotomy wires are intact",
            "sternal wires are seen after earlier heart surgery",
            "the sternal wires are aligned and unbroken",
            "the patient has had a sternotomy, and the sternal wires are in line",
        ),
        "terse": (
            "median sternotomy wires intact",
            "sternal wires in place",
            "sternal wires aligned",
            "status post sternotomy, sternal wires intact",
        ),
        "short": (
            "s/p sternotomy, wires intact",
            "sternal wires ok",
            "sternotomy wires in situ",
            "sternal wires aligned",
        ),
    },
}
"""Kind, then voice, to sentences that say it is there."""

PHRASE: dict[str, dict[Style, tuple[str, ...]]] = {
    "pacemaker": {
        "full": ("{side} chest pacemaker", "{side}-sided pacemaker"),
        "terse": ("{side} pacemaker", "{side} chest pacemaker"),
        "short": ("{side} PPM", "{side} pacer"),
    },
    "central_line": {
        "full": ("{side} central venous catheter", "{side}-sided central line"),
        "terse": ("{side} central line", "{side} central venous catheter"),
        "short": ("{side} CVC", "{side} central line"),
    },
    "endotracheal_tube": {
        "full": ("endotracheal tube above the carina", "endotracheal tube in place"),
        "terse": ("endotracheal tube", "ET tube"),
        "short": ("ETT", "ETT in situ"),
    },
    "chest_drain": {
        "full": ("{side} chest drain", "{side}-sided chest tube"),
        "terse": ("{side} chest drain", "{side} chest tube"),
        "short": ("{side} chest drain", "{side} ICD"),
    },
    "nasogastric_tube": {
        "full": ("nasogastric tube in the stomach", "nasogastric tube in place"),
        "terse": ("nasogastric tube", "NG tube"),
        "short": ("NGT", "NGT in situ"),
    },
    "sternal_wires": {
        "full": ("median sternotomy wires", "intact sternal wires"),
        "terse": ("sternal wires", "sternotomy wires"),
        "short": ("sternal wires", "sternotomy wires"),
    },
}
"""Kind, then voice, to a few words that name it."""

PLAIN: dict[str, dict[Style, str]] = {
    "pacemaker": {"full": "{side} pacemaker", "terse": "{side} pacemaker", "short": "{side} PPM"},
    "central_line": {
        "full": "{side} central line",
        "terse": "{side} central line",
        "short": "{side} CVC",
    },
    "endotracheal_tube": {
        "full": "endotracheal tube",
        "terse": "endotracheal tube",
        "short": "ETT",
    },
    "chest_drain": {
        "full": "{side} chest drain",
        "terse": "{side} chest drain",
        "short": "{side} chest drain",
    },
    "nasogastric_tube": {"full": "nasogastric tube", "terse": "NG tube", "short": "NGT"},
    "sternal_wires": {
        "full": "sternal wires",
        "terse": "sternal wires",
        "short": "sternal wires",
    },
}
"""Kind, then voice, to its name once it is out."""

CHANGES: dict[str, dict[Style, tuple[str, ...]]] = {
    "new": {
        "full": ("new since the prior study", "not present previously", "placed since the prior"),
        "terse": ("new", "new since prior", "interval placement"),
        "short": ("new", "new vs prior", "new c/t prior"),
    },
    "unchanged": {
        "full": (
            "unchanged in position",
            "unchanged from the prior study",
            "in the same position as before",
        ),
        "terse": ("unchanged", "unchanged in position", "position as before"),
        "short": ("unchanged", "pos. unchanged", "no change c/t prior"),
    },
}
"""A device is only ever new or as it was."""

REMOVED: dict[Style, tuple[str, ...]] = {
    "full": (
        "the previously seen {what} {has} been removed",
        "since the prior study, the {what} {has} been removed",
        "there has been interval removal of the {what}",
    ),
    "terse": ("{what} removed", "interval removal of {what}", "prior {what} removed"),
    "short": ("{what} removed", "{what} removed since prior", "interval removal of {what}"),
}
