"""Tiny copies of public datasets in their official layouts.

Pixels are drawn, ids are made up in the official form, and every text is our own.
"""

import csv
import gzip
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

from caselight.data.datasets.brset import DISEASES
from caselight.data.datasets.chexpert_labels import FINDINGS
from tests.homes import picture, save

Row = Mapping[str, object]


def table(path: Path, rows: Sequence[Row]) -> Path:
    """Write a CSV, in gzip where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change the lines of a text, in gzip or not; the first stays the first."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        lines = file.read().splitlines()
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        file.write("".join(f"{line}\n" for line in [lines[0], *change(lines[1:])]))


# MIMIC-CXR-JPG ------------------------------------------------------------------------------

REPORT = (
    "                                 FINAL REPORT\n"
    " EXAMINATION:  CHEST (PA AND LAT)\n\n"
    " INDICATION:  Cough for\n  a week.\n\n"
    " COMPARISON:  None.\n\n"
    " FINDINGS:\n \n Small effusion on the\n left.\n\n"
    " IMPRESSION:\n \n Left effusion.\n"
)
MIMIC = tuple(
    (f"1000000{n}", f"5000000{n}", f"{n:08x}-aaaaaaaa-bbbbbbbb-cccccccc-dddddddd", split)
    for n, split in enumerate(("train", "train", "validate", "test"), start=1)
)


def mimic(root: Path, *, newer: bool = True) -> Path:
    rows, splits, labels = [], [], []
    for n, (subject, study, image, split) in enumerate(MIMIC):
        ids = {"subject_id": subject, "study_id": study}
        rows.append(
            {
                "dicom_id": image,
                **ids,
                "PerformedProcedureStepDescription": "CHEST (PA AND LAT)",
                "ViewPosition": "PA" if n else "",
                "Rows": 68,
                "Columns": 68,
                "StudyDate": 21500101 + n,
                "StudyTime": 101010.5,
            }
        )
        splits.append({"dicom_id": image, **{k: ids[k] for k in sorted(ids)}, "split": split})
        values = {"Pleural Effusion": "1.0", "Edema": "-1.0", "Pneumonia": "0.0"}
        labels.append({**ids, **{one: values.get(one, "") for one in sorted(FINDINGS)}})
        folder = root / "files" / f"p{subject[:2]}" / f"p{subject}"
        save(folder / f"s{study}" / f"{image}.jpg", picture(n))
        reports = root / "mimic-cxr-reports" / folder.relative_to(root)
        reports.mkdir(parents=True)
        (reports / f"s{study}.txt").write_text(REPORT, "utf-8")
    table(root / "mimic-cxr-2.0.0-metadata.csv.gz", rows)
    table(root / "mimic-cxr-2.0.0-split.csv.gz", splits)
    table(root / "mimic-cxr-2.0.0-chexpert.csv.gz", labels)
    if newer:
        hand = {"study_id": MIMIC[3][1], "Cardiomegaly": "1", "Airspace Opacity": "1"}
        table(root / "mimic-cxr-2.1.0-test-set-labeled.csv", [hand])
    return root


# Open-i -------------------------------------------------------------------------------------

OPENI = ("Cardiomegaly/mild", "Pleural Effusion/left/small", "normal")


def openi_xml(root: Path) -> Path:
    (root / "ecgen-radiology").mkdir(parents=True)
    for n, term in enumerate(OPENI, start=1):
        name = f"CXR{n}_{n}_IM-000{n}-1001"
        # The last report has no picture, as about a hundred of the real ones.
        image = (
            ""
            if n == 3
            else f'<parentImage id="{name}"><caption>Chest films</caption></parentImage>'
        )
        if image:
            save(root / "NLMCXR_png" / f"{name}.png", picture(n))
        (root / "ecgen-radiology" / f"{n}.xml").write_text(
            '<?xml version="1.0" encoding="utf-8"?><eCitation><meta type="rr"/>'
            f'<uId id="CXR{n}"/><MedlineCitation><Article><Abstract>'
            f'<AbstractText Label="COMPARISON">None.</AbstractText>'
            f'<AbstractText Label="INDICATION">Cough {n}.</AbstractText>'
            f'<AbstractText Label="FINDINGS">Case {n} &amp; more\n words.</AbstractText>'
            f'<AbstractText Label="IMPRESSION"/></Abstract></Article></MedlineCitation>'
            f"<MeSH><major>{term}</major></MeSH>{image}</eCitation>",
            "utf-8",
        )
    return root


def openi_kaggle(root: Path) -> Path:
    reports, views = [], []
    for n, term in enumerate(OPENI, start=1):
        reports.append(
            {
                "uid": n,
                "MeSH": f"{term};Spine/degenerative",
                "Problems": term.partition("/")[0],
                "image": "Chest films",
                "indication": f"Cough {n}.",
                "comparison": "None.",
                "findings": f"Case {n} & more words.",
                "impression": "",
            }
        )
        for view, end in (("Frontal", "3001"), ("Lateral", "4001")):
            name = f"{n}_IM-000{n}-{end}.dcm.png"
            views.append({"uid": n, "filename": name, "projection": view})
            save(root / "images" / "images_normalized" / name, picture(10 * n + len(view)))
    table(root / "indiana_reports.csv", reports)
    table(root / "indiana_projections.csv", views)
    return root


# NIH ChestX-ray14 ---------------------------------------------------------------------------


def nih(root: Path) -> Path:
    # The official header has commas inside brackets, so it has two columns more than names.
    lines = [
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
        ",OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
    ]
    lists: dict[str, list[str]] = {"train_val": [], "test": []}
    for n in range(1, 25):
        name = f"{n:08d}_000.png"
        labels = "Effusion|Mass" if n % 2 else "No Finding"
        age = 411 if n == 3 else 50 + n
        lines.append(f"{name},{labels},0,{n},{age},{'MF'[n % 2]},PA,2500,2048,0.171,0.171")
        lists["test" if n > 20 else "train_val"].append(name)
        save(root / f"images_{1 + n // 12:03d}" / "images" / name, picture(n))
    (root / "Data_Entry_2017_v2020.csv").write_text("\n".join(lines) + "\n", "utf-8")
    for name, images in lists.items():
        (root / f"{name}_list.txt").write_text("\n".join(images), "utf-8")
    return root


# PadChest -----------------------------------------------------------------------------------


def padchest(root: Path) -> Path:
    rows = []
    for n in range(1, 5):
        name = f"21684011136{n}_00-163-00{n}.png"
        wide = picture(n).astype(np.uint16) * 257
        (root / str(n % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(wide).save(root / str(n % 2) / name)
        rows.append(
            {
                "": n,
                "ImageID": name,
                "ImageDir": n % 2,
                "StudyDate_DICOM": 20140915,
                "StudyID": f"4568600{n}",
                "PatientID": f"8086880{n}",
                "PatientBirth": "1930.0" if n != 2 else "",
                "PatientSex_DICOM": "FM"[n % 2],
                "ViewPosition_DICOM": "POSTEROANTERIOR",
                "Projection": "EXCLUDE" if n == 4 else "PA",
                "MethodProjection": "Manual review of DICOM fields",
                "Pediatric": "No",
                "Modality_DICOM": "CR",
                "PhotometricInterpretation_DICOM": "MONOCHROME2",
                "ReportID": n,
                "Report": f"derrame pleural izquierdo caso {n} .",
                "MethodLabel": "Physician",
                "Labels": "['pleural effusion', ' copd signs', '']" if n == 1 else "['normal']",
            }
        )
    table(root / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", rows)
    return root


# CheXpert -----------------------------------------------------------------------------------


def chexpert(root: Path) -> Path:
    plus = []
    for part, numbers in (("train", (1, 2)), ("valid", (64541,)), ("test", (64741,))):
        rows = []
        for n in numbers:
            path = f"{part}/patient{n:05d}/study1/view1_frontal.jpg"
            values = {"No Finding": "", "Cardiomegaly": "1.0", "Edema": "-1.0", "Fracture": "0.0"}
            rows.append(
                {
                    "Path": f"CheXpert-v1.0-small/{path}",
                    "Sex": "Female" if n != 2 else "Unknown",
                    "Age": 68,
                    "Frontal/Lateral": "Frontal",
                    "AP/PA": "AP",
                    **{one: values.get(one, "") for one in FINDINGS},
                }
            )
            save(root / path, picture(n))
            plus.append(
                {
                    "path_to_image": path,
                    "section_history": "Cough.",
                    "section_findings": f"Case\n {n}.",
                    "section_impression": "",
                    "split": part,
                }
            )
        table(root / f"{part}.csv", rows)
    table(root / "df_chexpert_plus_240401.csv", plus)
    return root


# ROCO ---------------------------------------------------------------------------------------


def roco(root: Path) -> Path:
    for n, part in enumerate(("train", "validation", "test"), start=1):
        folder = root / "data" / part / "radiology"
        save(folder / "images" / f"ROCO_0000{n}.jpg", picture(n))
        (folder / "captions.txt").write_text(f"ROCO_0000{n}\t Film of case {n} .\n", "utf-8")
        (folder / "licences.txt").write_text(f"ROCO_0000{n}\tPMC000{n}\tCC BY\n", "utf-8")
    return root


def rocov2(root: Path) -> Path:
    for n, part in enumerate(("train", "valid", "test"), start=1):
        name = f"ROCOv2_2023_{part}_00000{n}"
        save(root / f"{part}_images" / part / f"{name}.jpg", picture(n))
        caption = f"Film of case {n}, with a comma."
        table(root / f"{part}_captions.csv", [{"ID": name, "Caption": caption}])
        table(root / f"{part}_concepts.csv", [{"ID": name, "CUIs": "C0000001;C0000002"}])
    table(root / "cui_mapping.csv", [{"CUI": "C0000001", "Canonical name": "Plain film"}])
    table(root / "license_information.csv", [{"ID": "-", "PMCID": "-"}])
    return root


# BRSET --------------------------------------------------------------------------------------


def brset(root: Path) -> Path:
    rows = []
    for n in range(1, 5):
        marks = {"diabetic_retinopathy": 1, "macular_edema": 1} if n == 1 else {}
        rows.append(
            {
                "image_id": f"img0000{n}",
                "patient_id": 1 + n // 3,
                "camera": "Canon CR",
                "patient_age": f"{40 + n}.0" if n != 4 else "",
                "comorbidities": "diabetes1",
                "patient_sex": 1 + n // 3,
                "exam_eye": 1 + n % 2,
                "DR_SDRG": 0,
                "DR_ICDR": 2 if n == 1 else 0,
                "focus": 1,
                **{disease: marks.get(disease, 0) for disease in DISEASES},
                "quality": "Adequate",
            }
        )
        save(root / "fundus_photos" / f"img0000{n}.jpg", picture(n))
    table(root / "labels_brset.csv", rows)
    return root


# ODIR-5K ------------------------------------------------------------------------------------

COMMA = "\N{FULLWIDTH COMMA}"


def odir_rows() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for n in range(3):
        letters = dict.fromkeys("NDGCAHMO", 0) | ({"N": 1} if n else {"D": 1, "C": 1})
        rows.append(
            {
                "ID": n,
                "Patient Age": 60 + n,
                "Patient Sex": "Female" if n else "Male",
                "Left-Fundus": f"{n}_left.jpg",
                "Right-Fundus": f"{n}_right.jpg",
                "Left-Diagnostic Keywords": f"lens dust{COMMA}case {n}",
                "Right-Diagnostic Keywords": "normal fundus",
                **letters,
            }
        )
    return rows


def odir_kaggle(root: Path) -> Path:
    rows = []
    for n, row in enumerate(odir_rows()):
        for eye in ("left", "right")[: 1 if n == 2 else 2]:
            rows.append({**row, "labels": "['N']", "filename": f"{n}_{eye}.jpg"})
            save(root / "preprocessed_images" / f"{n}_{eye}.jpg", picture(2 * n + len(eye)))
    table(root / "full_df.csv", rows)
    return root


def odir_xlsx(root: Path) -> Path:
    rows = odir_rows()
    for n in range(3):
        for eye in ("left", "right"):
            save(root / "Training Images" / f"{n}_{eye}.jpg", picture(2 * n + len(eye)))
    sheet(root / "ODIR-5K_Training_Annotations(Updated)_V2.xlsx", rows)
    return root


def sheet(path: Path, rows: Sequence[Row], *, strings: str = "", document: str = "") -> Path:
    """A workbook with one sheet; texts are shared strings, numbers are numbers."""
    shared: list[str] = []
    lines = []
    cells = [list(rows[0]), *[list(row.values()) for row in rows]]
    for y, values in enumerate(cells, start=1):
        line = ""
        for x, value in enumerate(values):
            place = f"{chr(65 + x)}{y}"
            if isinstance(value, int):
                line += f'<c r="{place}"><v>{value}</v></c>'
            else:
                line += f'<c r="{place}" t="s"><v>{len(shared)}</v></c>'
                shared.append(str(value))
        lines.append(f'<row r="{y}">{line}</row>')
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    items = "".join(f"<si><t>{escape(text)}</t></si>" for text in shared)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", f"<workbook {space}/>")
        book.writestr("xl/sharedStrings.xml", strings or f"<sst {space}>{items}</sst>")
        body = f"<worksheet {space}><sheetData>{''.join(lines)}</sheetData></worksheet>"
        book.writestr("xl/worksheets/sheet1.xml", document or body)
    return path


# MedPix 2.0 ---------------------------------------------------------------------------------


def medpix(root: Path) -> Path:
    root = root / "MedPix-2-0"
    cases, pictures = [], []
    uids: dict[str, list[str]] = {"train": [], "train_1": [], "train_2": [], "dev": [], "test": []}
    for n, part in enumerate(("train", "dev", "test"), start=1):
        uid, image = f"MPX900{n}", f"MPX900{n}_synpic1000{n}"
        uids[part].append(uid)
        story = {
            "Title": "Stone",
            "History": f"Case {n}.",
            "Exam": "N/A",
            "Findings": "A stone.",
            "Differential Diagnosis": "Clot",
            "Case Diagnosis": "Stone",
        }
        topic = {"Category": "Calculus", "Location Category": "Abdomen"}
        cases.append({"U_id": uid, "TAC": [image], "MRI": [], "Case": story, "Topic": topic})
        said = {
            "Age": str(60 + n),
            "Sex": "male",
            "Caption": f"Slice of case {n}.",
            "Figure Part": None,
            "Modality": "CT - noncontrast",
            "Plane": "Axial",
        }
        pictures.append({"Type": "CT", "U_id": uid, "image": image, "Description": said})
        save(root / "images" / f"{image}.png", picture(n))
    (root / "splitted_dataset").mkdir()
    for name, value in (
        ("Case_topic.json", cases),
        ("Descriptions.json", pictures),
        ("splitted_dataset/uid_list.json", uids),
    ):
        (root / name).write_text(json.dumps(value), "utf-8")
    return root.parent
