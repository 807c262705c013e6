"""The directive ``explorer``: a page without a kernel, in a frame, where the text speaks of it.

The pages stay what they are, one file each; the copy that the site holds leaves its title to the
page around it, tells it how high it is, and is dark where that is.
"""

from __future__ import annotations

import html
import posixpath
import shutil
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from explorer_pages import FIGURES
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

GUEST = """<script>
if (parent !== window) {
  for (const said of document.querySelectorAll("h1, h1 + .about")) said.hidden = true;
  const say = () => parent.postMessage({ explorerHeight: document.body.scrollHeight }, "*");
  new ResizeObserver(say).observe(document.body);
  const night = { "--ground": "#121212", "--page-ink": "#eaeaea", "--page-quiet": "#b4b4b4" };
  const day = { "--ground": "#fff", "--page-ink": "#222", "--page-quiet": "#595959" };
  addEventListener("message", ({ data }) => {
    if (!data || !("dark" in data)) return;
    const style = document.documentElement.style, colors = data.dark ? night : day;
    style.colorScheme = data.dark ? "dark" : "light";
    for (const [name, value] of Object.entries(colors)) style.setProperty(name, value);
  });
  parent.postMessage({ explorerReady: true }, "*");
}
</script>
"""


class Explorer(SphinxDirective):
    """Embed a page: ``explorer.html#depth=50``, with a title for who does not see it."""

    required_arguments = 1
    option_spec = {"title": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the frame and, below it, a link to the page itself."""
        depth = self.env.docname.count("/")
        address = posixpath.join(*[".."] * depth, "figures", self.arguments[0])
        source, title = html.escape(address, quote=True), self.options["title"]
        return [
            nodes.raw(
                "",
                f'<div class="explorer"><iframe src="{source}" title="{title}" loading="lazy">'
                f'</iframe><p><a href="{source}">Open it on a page of its own</a></p></div>',
                format="html",
            )
        ]


def copy_pages(app: Sphinx, exception: Exception | None) -> None:
    """Write the pages of the explorers beside the site's own."""
    if exception:
        return
    folder = Path(app.outdir) / "figures"
    folder.mkdir(exist_ok=True)
    for path in sorted(FIGURES.glob("explorer*.html")):
        page = path.read_text(encoding="utf-8").replace("</body>", GUEST + "</body>")
        (folder / path.name).write_text(page, encoding="utf-8")
    for path in sorted(FIGURES.glob("*.gif")):
        shutil.copyfile(path, folder / path.name)
