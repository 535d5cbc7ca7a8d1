"""Phantoms: invented chest films with reports, so that a demo never needs a download.

Who is filmed: `patients` (who comes, with what, to which site), `course` and `findings` (what is
wrong, and how it goes on), `anatomy` (a body that stays).
What is seen: `chest`, `skeleton`, `vessels` and `lateral` (the body as it weakens the beam),
`shadows`, `airspace`, `pleura`, `devices` and `lateral_shadows` (what each finding does to it),
`detectors`, `radiograph` and `marks` (from beam to film), `masks` (the truth about a film); all of
them draw with `field`, `shapes` and `canvas`.
What is said: `reports`, in the words of `authors`, `wording`, `denials`, `referral` and others.
What is written: `archive` and `dicom_files`; `relevance` grades one study against another.

Promises: the same seed makes the same bytes; a picture, its report and its labels come from one
list of findings, which `truth.jsonl` keeps; nobody's real image or words went in. It shows what
the program does, and measures nothing about real patients.

Read first: `archive.write_archive`, then `findings.Finding`.
"""

from caselight.data.phantoms.archive import write_archive

__all__ = ["write_archive"]
