"""The fourteen findings of the CheXpert labeller, and what their four values mean here.

| Cell | Meaning | Becomes |
| --- | --- | --- |
| 1 | the report says so | the finding's name |
| -1 | the report is not sure | the name with " (uncertain)" |
| 0 | the report denies it | nothing |
| empty | the report does not speak of it | nothing |

An uncertain finding is a label of its own: whoever wants it to count as present or as absent says
so where labels are used, and not here.

Source: Irvin et al., "CheXpert", AAAI 2019; MIMIC-CXR-JPG 2.0.0 uses the same names and values.
"""

from caselight.data.datasets.tables import Cells, WrongCellError

FINDINGS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
UNCERTAIN = " (uncertain)"


def finding_labels(cells: Cells) -> tuple[str, ...]:
    """The labels of one row, in the order of `FINDINGS`; columns that it lacks say nothing.

    Raises:
        WrongCellError: for a value other than 1, 0, -1 or nothing.
    """
    labels = []
    for finding in FINDINGS:
        text = (cells.get(finding) or "").strip()
        try:
            value = float(text) if text.casefold() not in ("", "nan") else 0.0
        except ValueError:
            value = 2.0
        if value not in (1.0, 0.0, -1.0):
            raise WrongCellError(
                f"column {finding} was expected to hold 1, 0, -1 or nothing; copy the table again "
                "from its source"
            )
        if value:
            labels.append(finding if value > 0 else finding + UNCERTAIN)
    return tuple(labels)
