"""What the user states about a table instead of having it detected."""

from dataclasses import dataclass, fields

DELIMITER_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "bar": "|", "pipe": "|", "space": " "}
DELIMITER_NAMES |= {"none": ""}
BAD_ROWS = ("stop", "pass", "skip")


@dataclass(frozen=True)
class TableOptions:
    """Facts about a table that override what its first rows suggest.

    Attributes
    ----------
    skip_rows
        Lines at the top that stay as they are and are not looked at.
    header
        Line of the file, from 1, that holds the names of the columns; 0 means that no line does, None finds it.
    decimal
        Decimal mark, ``"."`` or ``","``; the other one then groups digits. None finds it.
    delimiter
        One character, ``" "`` for any run of spaces, ``""`` for a table of one column; None finds it.
    encoding
        Name of a codec; None finds it.
    on_bad_row
        What to do with a row that cannot be read: ``"stop"`` with an error, ``"pass"`` it on unchanged, ``"skip"`` it.
    way_out
        What the error then advises; empty for the options of ``denoise-stream``.

    Raises
    ------
    ValueError
        If one of them is out of range.
    """

    skip_rows: int = 0
    header: int | None = None
    decimal: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    on_bad_row: str = "stop"
    way_out: str = ""

    def __post_init__(self) -> None:
        if self.skip_rows < 0:
            raise ValueError(f"--skip-rows {self.skip_rows} is negative; use 0 or more")
        if self.header is not None and self.header < 0:
            raise ValueError(f"--header {self.header} is not a line; use 1 for the first line, or --no-header")
        if self.header and self.header <= self.skip_rows:
            raise ValueError(f"--header {self.header} lies in the {self.skip_rows} lines that --skip-rows leaves out")
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"--decimal {self.decimal} is not a decimal mark; use . or ,")
        if self.delimiter is not None and (len(self.delimiter) > 1 or self.delimiter in ('"', "\r", "\n")):
            raise ValueError(
                f"--delimiter {self.delimiter!r} is not a delimiter; use a character, tab, space or none (one column)"
            )
        if self.on_bad_row not in BAD_ROWS:
            raise ValueError(f"--on-bad-row {self.on_bad_row} is unknown; use stop, pass or skip")
        if self.encoding is not None:
            try:
                b"text".decode(self.encoding, "replace")  # which refuses codecs of no text as well
            except (LookupError, ValueError) as error:
                raise ValueError(f"--encoding {self.encoding} is unknown; use utf-8, utf-16, cp1252 ...") from error

    @property
    def stated(self) -> str:
        """The first option that says how the table is written, as the command line calls it; empty if none does."""
        layout = [field for field in fields(self) if field.name not in ("on_bad_row", "way_out")]
        changed = (field.name for field in layout if getattr(self, field.name) != field.default)
        name = next(changed, "")
        if name == "header" and self.header == 0:
            return "--no-header"
        return name and f"--{name.replace('_', '-')}"


def as_delimiter(text: str) -> str:
    r"""Return the delimiter that a name or a character stands for.

    >>> as_delimiter("tab"), as_delimiter(";"), as_delimiter("none")
    ('\t', ';', '')
    """
    return DELIMITER_NAMES.get(text.lower(), text)
