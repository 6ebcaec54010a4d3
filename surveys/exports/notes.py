"""What a format could not hold, so that nothing is lost silently."""

from dataclasses import dataclass, field

FILE = "export-notes.txt"


@dataclass(eq=False)
class Notes:
    """Remarks on one export, by file, in the order in which they were made."""

    lines: list[str] = field(default_factory=list)

    def add(self, file: str, remark: str) -> None:
        """Note what differs between the release and a file."""
        self.lines.append(f"{file}: {remark}")

    def text(self) -> str:
        """Content of ``export-notes.txt``."""
        return "".join(f"{line}\n" for line in self.lines)
