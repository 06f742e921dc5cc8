"""The images of an HTML page.

libxml2 reads the page as a stream of tags (its tokenizer is the HTML standard's since 2.14) and no tree is built: time
and memory grow with the page and not with its depth. Trees of hostile pages take minutes. What is in a `noscript`
counts, what is in a `template`, a comment or a script does not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from pipelines.extract.charset import decoded
from pipelines.extract.image import picture_of
from pipelines.extract.language import first_language
from pipelines.extract.link import resolve
from pipelines.extract.rows import MAX_TITLE, Page

CHUNK = 1 << 16


@dataclass(frozen=True)
class Answer:
    """What is known of a page beside its bytes. A page that was found as a file has no URL."""

    url: str | None = None
    charset: str | None = None
    language: str | None = None


class Head:
    """What a page says of itself. Of each the first counts."""

    def __init__(self) -> None:
        self.title: list[str] = []
        self.base: str | None = None
        self.said: dict[str, str] = {}

    def say(self, what: str, value: str | None) -> None:
        if value and value.strip():
            self.said.setdefault(what, value.strip())

    def meta(self, attributes: Mapping[str, str]) -> None:
        content = attributes.get("content")
        if attributes.get("http-equiv", "").lower() == "content-language":
            self.say("content-language", content)
        for key in ("property", "name"):
            if attributes.get(key, "").lower() in ("og:locale", "og:url"):
                self.say(attributes[key].lower(), content)

    def language(self, header: str | None) -> str | None:
        said = (self.said.get(name) for name in ("lang", "xml:lang", "content-language", "og:locale"))
        return first_language([*said, header])

    def address(self) -> str | None:
        """The page's own URL, as far as it is absolute."""
        for name in ("canonical", "og:url"):
            found = resolve(None, self.said.get(name, ""))
            if found:
                return found
        return resolve(None, self.base or "")


class Reader:
    """lxml's target: notes the images of a page in their order."""

    def __init__(self) -> None:
        self.head = Head()
        self.images: list[tuple[str | None, str | None]] = []  # reference, alt
        self._hidden = self._foreign = 0  # depth of template and svg
        self._in_title = False
        self._sources: list[Mapping[str, str]] | None = None  # of the picture that is open
        self._shown: dict[str, Callable[[Mapping[str, str]], None]] = {
            "template": self._template,
            "svg": self._svg,
            "html": self._html,
            "base": self._base,
            "meta": self.head.meta,
            "link": self._link,
            "title": self._title,
            "picture": self._picture,
            "source": self._source,
            "img": self._img,
        }
        self._on = self._shown  # for each of a page's tags: what is not looked at must cost little
        self._at_end: dict[str, Callable[[], None]] = {
            "template": self._template_ends,
            "svg": self._svg_ends,
            "title": self._title_ends,
            "picture": self._picture_ends,
        }

    # -- what lxml calls ---------------------------------------------------------------------------
    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        handle = self._on.get(tag)
        if handle is not None:
            handle(attributes)

    def end(self, tag: str) -> None:
        handle = self._at_end.get(tag)
        if handle is not None:
            handle()

    def data(self, text: str) -> None:
        if self._in_title and sum(map(len, self.head.title)) < 8 * MAX_TITLE:
            self.head.title.append(text)

    def close(self) -> "Reader":
        return self

    # -- tags --------------------------------------------------------------------------------------
    def _template(self, attributes: Mapping[str, str]) -> None:
        self._hidden += 1
        self._on = {"template": self._template}

    def _template_ends(self) -> None:
        self._hidden = max(0, self._hidden - 1)
        if not self._hidden:
            self._on = self._shown

    def _svg(self, attributes: Mapping[str, str]) -> None:
        self._foreign += 1

    def _svg_ends(self) -> None:
        self._foreign = max(0, self._foreign - 1)

    def _title_ends(self) -> None:
        self._in_title = False

    def _picture_ends(self) -> None:
        self._sources = None

    def _html(self, attributes: Mapping[str, str]) -> None:
        for name in ("lang", "xml:lang"):
            self.head.say(name, attributes.get(name))

    def _base(self, attributes: Mapping[str, str]) -> None:
        if self.head.base is None and "href" in attributes:
            self.head.base = attributes["href"]

    def _link(self, attributes: Mapping[str, str]) -> None:
        if "canonical" in attributes.get("rel", "").lower().split():
            self.head.say("canonical", attributes.get("href"))

    def _title(self, attributes: Mapping[str, str]) -> None:
        self._in_title = not self._foreign and not self.head.title

    def _picture(self, attributes: Mapping[str, str]) -> None:
        self._sources = []

    def _source(self, attributes: Mapping[str, str]) -> None:
        if self._sources is not None:
            self._sources.append(dict(attributes))

    def _img(self, attributes: Mapping[str, str]) -> None:
        sources: Sequence[Mapping[str, str]] = self._sources or ()
        self._sources = None  # they are for the one img of their picture
        self.images.append((picture_of(attributes, sources), attributes.get("alt")))


def read_page(body: bytes, answer: Answer, keep_empty: bool = False) -> Page:
    """The rows of a page of at most `MAX_PAGE` bytes. Never raises for bytes."""
    text, encoding = decoded(body, answer.charset)
    reader = Reader()
    feed(text, reader)
    head = reader.head
    url = answer.url or head.address()
    base = (resolve(url, head.base, encoding) if head.base else None) or (resolve(None, url) if url else None)
    page = Page(
        "".join(head.title),
        url,
        head.language(answer.language),
        lambda reference: resolve(base, reference, encoding),
        keep_empty,
    )
    for reference, alt in reader.images:
        page.image(reference, alt)
    return page


def feed(text: str, reader: Reader) -> None:
    """Have the reader called for every tag of a page."""
    parser = etree.HTMLParser(target=reader, encoding="utf-8", huge_tree=True)
    data = text.encode("utf-8", "replace")
    if not data.strip():
        return
    try:
        for start in range(0, len(data), CHUNK):
            parser.feed(data[start : start + CHUNK])
        parser.close()
    except etree.LxmlError:
        return  # an error of the parser's at some place: what was read before it stands
