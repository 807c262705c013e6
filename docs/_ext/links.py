"""A link in a file of the repository, and where it leads on the site.

The files link to each other by their places in the repository, so that they can be read there too.
What has a page on the site is linked to that page; what has none, to the repository on the web if
its address is known; else the words stay, without a link.
"""

from __future__ import annotations

import posixpath
import re

LINK = re.compile(
    r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)"
)
"""Not a picture: ``[words](path#place)``; the words may hold brackets of their own."""

PICTURE = re.compile(r"(!\[[^\]]*\])\((?!https?:|data:|attachment:)([^)\s]+)\)")
ELSEWHERE = {
    "README.md": "/index.md",
    "CONTRIBUTING.md": "/contributing.md",
    "figures": "/figures.md",
    "notebooks/explorers.ipynb": "/explorers.md",
    "notebooks/solutions": "/solutions.md",
}
"""What is shown on a page of another name."""


def at_site(text: str, home: str, address: str = "") -> str:
    """Return Markdown with its links as the site needs them.

    Parameters
    ----------
    text
        Markdown of a file of the repository.
    home
        The folder of that file, from the root of the repository: ``notebooks/solutions``.
    address
        Of the repository on the web, if it is known.
    """

    def link(found: re.Match) -> str:
        words, path, place = found[1], found[2], _place(found[3] or "")
        if not path:
            return f"[{words}]({place})"
        target = posixpath.normpath(posixpath.join(home, path))
        page = _page(target)
        if page:
            return f"[{words}]({page}{place})"
        if address:
            kind = "blob" if "." in posixpath.basename(target)[1:] else "tree"
            return f"[{words}]({address}/{kind}/main/{target})"
        return words

    def picture(found: re.Match) -> str:
        return f"{found[1]}(/{posixpath.normpath(posixpath.join(home, found[2]))})"

    return PICTURE.sub(picture, LINK.sub(link, text))


def _page(target: str) -> str:
    """Return the page that shows a file of the repository, or "" if there is none."""
    if target in ELSEWHERE:
        return ELSEWHERE[target]
    if target.startswith("figures/explorer") and target.endswith(".html"):
        return f"#{explorer_place(posixpath.basename(target))}"
    if target.startswith("docs/") and posixpath.splitext(target)[1]:
        return target.removeprefix("docs")
    if target.startswith("notebooks/") and target.endswith(".ipynb"):
        return f"/{target}"
    room = re.fullmatch(r"course_utils/(\w+)(/\w+\.py)?/?", target)
    return f"/api/{room[1]}.rst" if room else ""


def explorer_place(page: str) -> str:
    """Return the anchor under which a page without a kernel is embedded."""
    return page.removesuffix(".html").replace("_", "-")


def _place(anchor: str) -> str:
    """Return an anchor as the site writes it: JupyterLab keeps capitals, signs and formulas."""
    words = re.sub(r"-?\$[^$]*\$", "", anchor[1:])
    return "#" * bool(anchor) + slug(words)


def slug(title: str) -> str:
    """Return the anchor of a heading: small letters and digits, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
