"""Find how a table's text is encoded, decode its bytes block by block, and encode them back unchanged."""

import codecs
from dataclasses import dataclass

from denoise_stream.errors import SourceError

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte-order marks; UTF-32's first, as UTF-16's is a part of it."""

ESCAPED = frozenset({"utf-8", "ascii", "cp1252", "iso8859-1"})
"""Codecs that keep undefined bytes by escaping them; text that another codec cannot round-trip is refused."""


@dataclass(frozen=True)
class TextEncoding:
    """A codec that encodes a text to the bytes it was decoded from.

    Attributes
    ----------
    name
        Of the codec, as :mod:`codecs` knows it.
    bom
        The byte-order mark at the table's start, empty if there is none.
    """

    name: str
    bom: bytes = b""

    @property
    def unit(self) -> int:
        """Bytes of the smallest character."""
        return 2 if self.name.startswith("utf-16") else 4 if self.name.startswith("utf-32") else 1

    @property
    def errors(self) -> str:
        """How undefined bytes are kept."""
        if self.name in ESCAPED:
            return "surrogateescape"
        return "surrogatepass" if self.unit > 1 else "strict"

    def encode(self, text: str) -> bytes:
        """Return the bytes that were decoded to ``text``."""
        return text.encode(self.name, self.errors)


class Decoder:
    """Decode blocks of bytes, cut anywhere, after the byte-order mark.

    Kept between calls: the bytes of a character that has not come whole.
    """

    def __init__(self, encoding: TextEncoding, name: str) -> None:
        self._encoding = encoding
        self._name = name
        self._decoder = codecs.getincrementaldecoder(encoding.name)(encoding.errors)
        self._exact = encoding.name in ESCAPED or encoding.unit > 1
        self._bom = len(encoding.bom)

    def decode(self, block: bytes, *, last: bool = False) -> str:
        """Return the text of the next block; ``last`` ends it.

        Raises
        ------
        SourceError
            If the bytes are not of this encoding, or could not be written back as they were.
        """
        if self._bom:
            cut, block = block[: self._bom], block[self._bom :]
            self._bom -= len(cut)
        before = self._decoder.getstate()[0] if not self._exact else b""
        try:
            text = self._decoder.decode(block, last)
            if not self._exact:
                kept = self._decoder.getstate()[0]
                exact = text.encode(self._encoding.name) + kept == before + block
        except UnicodeError as error:
            raise self._mistake(str(error)) from error
        if not self._exact and not exact:
            raise self._mistake("some bytes would not be written back as they are")
        return text

    def _mistake(self, reason: str) -> SourceError:
        return SourceError(f"{self._name} is not text in {self._encoding.name}: {reason}; name another --encoding")


def find_encoding(head: bytes, wanted: str | None, name: str) -> TextEncoding:
    """Return the encoding of a text from its first bytes.

    A byte-order mark decides, then zero bytes at every second or fourth place (UTF-16, UTF-32), then whether the bytes
    are UTF-8; all else is read as cp1252, which has a character for nearly every byte.

    Parameters
    ----------
    head
        The first bytes, some hundred lines if there are as many.
    wanted
        Name of the codec, if the user stated it.
    name
        What to call the table in messages.

    Raises
    ------
    SourceError
        If it holds zero bytes and is neither UTF-16 nor UTF-32.
    """
    marked = next(((mark, codec) for mark, codec in BOMS if head.startswith(mark)), (b"", ""))
    if wanted is not None:
        codec = codecs.lookup(wanted).name.removesuffix("-sig")
        if codec in ("utf-16", "utf-32"):
            codec = marked[1] if marked[1].startswith(codec) else f"{codec}-le"
        return TextEncoding(codec, marked[0] if marked[1] == codec else b"")
    if marked[0]:
        return TextEncoding(marked[1], marked[0])
    if b"\0" in head:
        for codec, step, place in (("utf-32-le", 4, 0), ("utf-32-be", 4, 3), ("utf-16-le", 2, 0), ("utf-16-be", 2, 1)):
            zeros = [head[offset::step].count(0) for offset in range(step)]
            most = len(head) // step
            if zeros[place] == 0 and all(zeros[other] > 0.7 * most for other in range(step) if other != place):
                return TextEncoding(codec)
        raise SourceError(f"{name} is not text: it holds zero bytes; if it is, name its --encoding")
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or error.reason != "unexpected end of data":
            return TextEncoding("cp1252")
    return TextEncoding("utf-8")
