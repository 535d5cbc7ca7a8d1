"""The text layer of a PDF, read within limits."""

import io
import logging

from caselight.errors import DataError

_MOST_PAGES = 50
_LARGEST_STREAM = 16 << 20
_LARGEST_CONTENT = 1 << 20
"""Bytes of drawing commands in all pages together; a page of text has a few thousand."""
_MOST_COMMANDS = 100_000
"""Drawing commands carried out, those of forms that a page draws again and again included."""
_LONGEST_TEXT = 200_000
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What pypdf raises on bytes that are not what they claim, besides its own errors."""

# What pypdf has to say about a damaged file may quote it; without a handler Python prints it.
logging.getLogger("pypdf").addHandler(logging.NullHandler())


def pdf_text(data: bytes) -> str:
    """The words of a PDF, page by page.

    Raises:
        DataError: data.no_text without a text layer or behind a password, data.too_large beyond
            50 pages or the limits on what a file may unfold to, data.truncated where it is damaged.
    """
    # Imported here: most archives hold no PDF.
    from pypdf import apply_configuration
    from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

    try:
        with apply_configuration(
            maximum_declared_stream_length=_LARGEST_STREAM,
            array_based_stream_maximum_output_length=_LARGEST_STREAM,
            lzw_maximum_output_length=_LARGEST_STREAM,
            run_length_maximum_output_length=_LARGEST_STREAM,
            zlib_maximum_output_length=_LARGEST_STREAM,
            brotli_maximum_output_length=_LARGEST_STREAM,
            stream_decoding_work_maximum_length=2 * _LARGEST_STREAM,
            stream_parsing_work_maximum_count=_MOST_COMMANDS,
            page_tree_maximum_entries=1000,
            page_tree_maximum_page_entries=10_000,
            xform_maximum_invocations_per_extraction=20,
            # No other program is ever called for a file of unknown origin.
            jbig2dec_binary=None,
        ):
            text = _read_pages(data)
    except LimitReachedError:
        raise _too_large("it unfolds to more than a report can hold") from None
    except (PyPdfError, DependencyError, *_DAMAGE):
        raise DataError(
            "the PDF is cut short or damaged; copy the file again from its source",
            code="data.truncated",
        ) from None
    if not any(character.isalnum() for character in text):
        raise DataError(
            "the PDF has no text layer (a scan, perhaps); export the report as text, or run text "
            "recognition over it first",
            code="data.no_text",
        )
    return text


def _read_pages(data: bytes) -> str:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted:
        raise DataError("the PDF is encrypted; save it without a password", code="data.no_text")
    n_pages = len(reader.pages)
    if n_pages > _MOST_PAGES:
        raise _too_large(f"it has {n_pages} pages and a report may have {_MOST_PAGES}")
    content = length = n_commands = 0

    def count_command(*_: object) -> None:
        nonlocal n_commands
        n_commands += 1
        if n_commands > _MOST_COMMANDS:
            raise _too_large(f"it draws more than {_MOST_COMMANDS} commands")

    texts: list[str] = []
    for page in reader.pages:
        stream = page.get_contents()
        content += 0 if stream is None else len(stream.get_data())
        if content > _LARGEST_CONTENT:
            raise _too_large("it unfolds to more than a report can hold")
        texts.append(page.extract_text(visitor_operand_before=count_command))
        length += len(texts[-1])
        if length > _LONGEST_TEXT:
            raise _too_large(f"it has more than {_LONGEST_TEXT} characters")
    return "\n".join(texts)


def _too_large(why: str) -> DataError:
    return DataError(f"the PDF is too large: {why}; export the report alone", code="data.too_large")
