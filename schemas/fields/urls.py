"""URLs: links for people, and files that ClickSend fetches."""

from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationInfo

from schemas.absent import BlankIsAbsent
from schemas.problem import invalid
from schemas.web import LONGEST_URL, ending, is_web_address, out_of_reach, page_instead_of_file


def _url(value: str) -> str:
    if len(value) > LONGEST_URL:
        raise invalid(f"has {len(value)} characters, and a URL of over {LONGEST_URL} is refused on its way")
    if not is_web_address(value):
        raise invalid("must be a public http or https URL, such as https://example.com/file")
    return value


def _fetched(value: str, info: ValidationInfo) -> str:
    reason = out_of_reach(value, info.context) or page_instead_of_file(value, info.context)
    if reason is not None:
        raise invalid(reason)
    return value


Url = Annotated[str, AfterValidator(_url), BlankIsAbsent()]
FileUrl = Annotated[Url, AfterValidator(_fetched)]  # of a file that ClickSend fetches

_OTHER_FILES: Final = frozenset(  # our rule
    {
        *("avif", "heic", "heif", "svg", "tif", "tiff", "webp", "mov", "mp3", "mp4", "wav"),
        *("csv", "htm", "html", "json", "odt", "ppt", "pptx", "rtf", "txt", "xls", "xlsx", "zip"),
    }
)


def _of_kind(needed: str, converted: frozenset[str], refused: frozenset[str]) -> Callable[[str], str]:
    """Refuse a URL whose extension is that of another kind of file; `converted`: kinds that ClickSend can convert."""

    def check(value: str) -> str:
        kind = ending(value)
        if kind in converted:
            raise invalid(f"must be a {needed}; a {kind} file has to be converted first through ClickSend's uploads")
        if kind in refused:
            raise invalid(f"must be a {needed}, not a {kind} file")
        return value

    return check


LetterUrl = Annotated[
    FileUrl,
    # documented: PDF, and that doc and docx can be converted; pictures: our rule
    AfterValidator(_of_kind("PDF", frozenset({"doc", "docx", "jpg", "jpeg", "gif", "png", "bmp"}), _OTHER_FILES)),
    Field(description="Public URL of a PDF"),
]
PictureUrl = Annotated[
    FileUrl,
    # documented: JPG, GIF, 250 kB, and that jpeg, png and bmp can be converted
    AfterValidator(_of_kind("JPG or GIF", frozenset({"jpeg", "png", "bmp"}), _OTHER_FILES | {"doc", "docx", "pdf"})),
    Field(description="Public URL of a JPG or GIF, at most 250 kB"),
]
