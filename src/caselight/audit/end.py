"""Where a log ends: what is needed to go on from there, kept in further lines of a checkpoint."""

from dataclasses import dataclass

from caselight.audit.notes import Checkpoint
from caselight.audit.record import NO_RECORD
from caselight.merkle import Frontier


@dataclass(frozen=True, slots=True)
class LogEnd:
    """Where a log ends."""

    n_bytes: int
    """Of the file of lines, up to here."""
    last: str
    """Digest of the last record, 64 hex digits."""
    peaks: tuple[bytes, ...]
    """Roots of the full subtrees, largest first."""
    size: int
    """Records."""

    def checkpoint(self, origin: str) -> Checkpoint:
        """What is signed when a log ends here."""
        peaks = ",".join(peak.hex() for peak in self.peaks)
        extra = (f"bytes {self.n_bytes}", f"last {self.last}", f"peaks {peaks}")
        root = Frontier(self.size, self.peaks).root()
        return Checkpoint(origin=origin, size=self.size, root=root, extra=extra)

    @classmethod
    def read(cls, checkpoint: Checkpoint) -> "LogEnd":
        """The end that a checkpoint was signed for.

        Raises:
            KeyError: for a checkpoint that says no more than size and root.
        """
        said = dict(line.split(" ", 1) for line in checkpoint.extra)
        peaks = tuple(bytes.fromhex(p) for p in said["peaks"].split(",") if p)
        return cls(int(said["bytes"]), said["last"], peaks, checkpoint.size)


BEGINNING = LogEnd(0, NO_RECORD, (), 0)
"""Where a log begins."""
