"""Rows of made-up lexicons that several tests write."""

from pathlib import Path

HEADER = "key\tname\tcategory\tis_a\tpart_of\tsite\tsynonyms\tabbreviations\tclues"


def write(path: Path, *rows: str, header: str = HEADER) -> Path:
    """Write rows whose cells are parted by bars, short ones filled up."""
    n = header.count("\t")
    lines = [row.replace("|", "\t") + "\t" * (n - row.count("|")) for row in rows]
    path.write_text("\n".join((header, *lines)) + "\n", "utf-8")
    return path
