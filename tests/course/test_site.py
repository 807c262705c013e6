"""The site of the course: that it builds, that its links lead somewhere, and what it adds."""

import json
import re
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from helpers.project import ROOT
from helpers.site import ADDRESS, build, built

sys.path.insert(0, str(ROOT / "docs" / "_ext"))
pytest.importorskip("myst_nb", reason="the extra docs is not installed (it needs Python 3.11)")

import address  # noqa: E402
import example  # noqa: E402
import glossary  # noqa: E402
import launch  # noqa: E402
import links  # noqa: E402

NOTEBOOKS = ROOT / "notebooks"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return built(tmp_path_factory)


class Page(HTMLParser):
    """The ids of a page, and where it leads or what it loads."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.targets, self.alts = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given.get("id"), given.get("name")} - {None}
        place = given.get("href") if tag in ("a", "link") else given.get("src")
        if place:
            self.targets.append((tag, place))
        if tag == "img":
            self.alts.append(given.get("alt"))


@pytest.fixture(scope="module")
def pages(site):
    paths = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    return {path: Page(path) for path in paths}


def test_every_link_and_every_anchor_leads_somewhere(site, pages):
    lost = []
    for path, page in pages.items():
        if path.parent.name == "figures":
            continue  # the explorers: their # holds what is set
        for _, place in page.targets:
            parts = urlsplit(place)
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                lost.append((path.name, place))
            elif parts.fragment and target.parent.name != "figures" and target.suffix == ".html":
                if unquote(parts.fragment) not in pages[target].ids:
                    lost.append((path.name, place))
    assert lost == []


def test_nothing_is_loaded_from_another_host(site, pages):
    for path, page in pages.items():
        loaded = [place for tag, place in page.targets if tag != "a"]
        assert not [place for place in loaded if re.match(r"(https?:)?//", place)], path
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", sheet.read_text("utf-8")), (
            sheet
        )


def test_text_does_not_wait_for_the_index_of_the_search_nor_for_a_second_set_of_icons(pages):
    for path in pages:
        head = path.read_text(encoding="utf-8").partition("</head>")[0]
        waits = re.findall(r'<script src="([^"]*)"', head)  # without defer or async
        assert not [place for place in waits if "search" in place or "fontawesome" in place], path


def test_no_page_names_a_machine_or_a_day(site):
    for path in [*site.rglob("*.html"), *site.rglob("*.js")]:
        text = path.read_text(encoding="utf-8")
        assert str(site.parent) not in text and "Last updated" not in text, path
    assert not (site / ".doctrees").exists()


def test_built_again_it_is_the_same_to_the_byte(site, tmp_path):
    options = ("-D", f"course_repository={ADDRESS}")
    build(site.parent / "course", tmp_path / "again", *options, seed="1")
    first, again = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        for folder in (site, tmp_path / "again")
    )
    assert first.keys() == again.keys()
    assert [name for name in first if first[name] != again[name]] == []


def test_every_notebook_has_its_page_with_its_figures_and_their_texts(site, pages):
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        texts = [cell.metadata["alt"] for cell in cells if "alt" in cell.metadata]
        page = pages[site / "notebooks" / f"{path.stem}.html"]
        assert [" ".join(alt.split()) for alt in page.alts if alt in texts] == texts, path.name
        assert None not in page.alts


def test_a_table_in_markdown_is_a_table_also_where_a_cell_makes_it(pages):
    for path in pages:
        assert "<p>| " not in path.read_text(encoding="utf-8"), path


def test_a_folded_cell_says_what_it_folds(site):
    page = (site / "notebooks" / "02_scale_of_the_signal.html").read_text(encoding="utf-8")
    titles = re.findall(r'<p class="collapsed[^>]*>(.*?)</p>', page)
    assert len(titles) > 10
    assert all(
        title.startswith(("Tested: ", "Imported: ", "Installed: ", "Show")) for title in titles
    )


def test_an_explorer_is_embedded_where_the_notebook_shows_it_and_as_it_sets_it(site):
    page = (site / "notebooks" / "06_he_derivation.html").read_text(encoding="utf-8")
    assert re.findall(r'<iframe src="([^"]*)"', page) == [
        "../figures/explorer.html#std=0.0625&amp;depth=50&amp;activation=relu"
    ]
    answers = (site / "one_answer.html").read_text(encoding="utf-8")
    assert 'src="figures/explorer_tournament.html"' in answers and "plain tanh" in answers


def test_the_names_in_code_lead_to_the_package(site, pages):
    page = (site / "notebooks" / "02_scale_of_the_signal.html").read_text(encoding="utf-8")
    found = set(re.findall(r'<a class="name" href="([^"]*)"', page))
    assert "../api/networks.html#course_utils.networks.mlp" in found  # by its import
    assert "../api/plotting.html#course_utils.plotting.std_by_layer" in found  # by its room
    exercises = "../api/exercises.html#course_utils.exercises.scale_of_the_signal"
    assert any(place.startswith(exercises) for place in found)  # under another name


def test_every_name_that_notebooks_import_has_a_page(site, pages):
    ids = set().union(*(page.ids for path, page in pages.items() if path.parent.name == "api"))
    for path in NOTEBOOKS.glob("[0-9]*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for room, names in re.findall(
                r"^from (course_utils\.\w+) import ([\w, ]+)$", cell.source, re.M
            ):
                for name in re.sub(r" as \w+", "", names).split(", "):
                    whole = f"{room}.{name}"
                    assert whole in ids or f"module-{whole}" in ids, f"{path.name}: {whole}"


# ---------------------------------------------------------------- the glossary


def test_each_row_of_the_table_is_a_line_of_the_glossary(pages, site):
    table = next(
        cell.source
        for cell in nbformat.read(NOTEBOOKS / "00_start_here.ipynb", as_version=4).cells
        if cell.source.startswith("## Glossary")
    )
    rows = table.partition("explained in |")[2].partition("\n\n")[0].count("\n| ") - 1
    terms = glossary.read_terms(NOTEBOOKS / "00_start_here.ipynb")
    assert len(terms) == rows > 40
    assert {term.anchor for term in terms} <= pages[site / "glossary.html"].ids


def test_a_term_is_known_by_each_of_its_names():
    term = glossary.Term("deep belief network (DBN)", "심층", "RBMs, stacked as $h$", "here")
    assert term.names == ["deep belief network", "DBN"]
    assert term.said == "심층: RBMs, stacked as h"
    assert glossary.Term("fan_in, fan_out", "입력 수", "", "").names == ["fan_in", "fan_out"]


def test_the_first_mention_of_a_term_leads_to_the_glossary_and_says_its_meaning(site):
    page = (site / "notebooks" / "02_scale_of_the_signal.html").read_text(encoding="utf-8")
    links = re.findall(
        r'<a class="term[^"]*" href="\.\./glossary\.html#([^"]*)" data-says="(.*?)"', page
    )
    anchors = [anchor for anchor, _ in links]
    assert "term-gain" in anchors and len(set(anchors)) == len(anchors)
    assert all(re.search("[가-힣]+: .", says) for _, says in links)


# ---------------------------------------------------------------- buttons, if there is an address


def test_every_page_can_be_opened_elsewhere_where_the_address_is_known(site, pages):
    for path in sorted(site.glob("notebooks/*.html")):
        places = [place for _, place in pages[path].targets]
        name = f"notebooks/{path.stem}.ipynb"
        assert (
            f"https://colab.research.google.com/github/someone/course/blob/gh-pages/{name}"
            in places
        )
        assert any(
            place.startswith("https://mybinder.org/v2/gh/someone/course/") for place in places
        )
        assert f"{path.stem}.ipynb" in [place.rpartition("/")[2] for place in places]
    assert any("colab" in place for _, place in pages[site / "glossary.html"].targets)


def test_the_notebook_that_is_opened_says_the_whole_line(site):
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        opened = (site / "notebooks" / path.name).read_text(encoding="utf-8")
        assert f"git clone {ADDRESS} course" in opened and "ADDRESS" not in opened
        cells = zip(
            json.loads(opened)["cells"], json.loads(path.read_text("utf-8"))["cells"], strict=True
        )
        assert sum(ours["source"] != theirs["source"] for ours, theirs in cells) == 1


def test_without_an_address_there_are_no_buttons_and_the_word_stays():
    context = {"header_buttons": []}
    app = type("App", (), {"config": type("Config", (), {"course_repository": ""})})
    launch.add_buttons(app, "notebooks/00_start_here", "", context, None)
    assert context["header_buttons"] == []
    guard = nbformat.read(NOTEBOOKS / "00_start_here.ipynb", as_version=4).cells[2].source
    assert address.completed(guard, "") == guard and address.ASKED in guard


def test_the_course_to_print_is_offered_only_where_it_will_lie():
    for pdf, offered in (("", False), ("course.pdf", True)):
        config = type("Config", (), {"course_repository": ADDRESS, "course_pdf": pdf})
        context = {"header_buttons": [], "pathto": lambda name, _: f"../{name}"}
        launch.add_buttons(type("App", (), {"config": config}), "glossary", "", context, None)
        assert ("../course.pdf" in str(context["header_buttons"])) == offered


@pytest.mark.parametrize("given", ["http://github.com/a/b", "https://github.com/a", "a/b"])
def test_an_address_that_no_button_could_open_is_refused_in_words(given):
    with pytest.raises(ValueError, match="must be https://github.com/OWNER/NAME, got"):
        address.owner_and_name(given)


# ---------------------------------------------------------------- links, and the worked example


@pytest.mark.parametrize(
    ("home", "link", "leads"),
    [
        ("notebooks", "00_start_here.ipynb#Glossary", "/notebooks/00_start_here.ipynb#glossary"),
        ("notebooks/solutions", "../02_a.ipynb", "/notebooks/02_a.ipynb"),
        ("notebooks", "#5.-PyTorch's-bare-`uniform_`", "#5-pytorchs-bare-uniform_"),
        ("notebooks", "#9.-GPT-2's-$1/\\sqrt{2L}$", "#9-gpt-2s"),
        ("docs", "../README.md", "/index.md"),
        ("docs", "../figures/explorer_funnel.html", "#explorer-funnel"),
        ("docs/jupyterhub", "../teachers.md#on-the-projector", "/teachers.md#on-the-projector"),
        ("notebooks", "../course_utils/experiments/tournament.py", "/api/experiments.rst"),
    ],
)
def test_a_link_of_the_repository_leads_to_a_page_of_the_site(home, link, leads):
    assert links.at_site(f"a [word]({link}) b", home) == f"a [word]({leads}) b"


def test_what_has_no_page_is_linked_only_where_the_address_is_known():
    text = "[.ci/run](.ci/run) and ![x](figures/a.png)"
    assert links.at_site(text, "") == ".ci/run and ![x](/figures/a.png)"
    assert f"[.ci/run]({ADDRESS}/" in links.at_site(text, "", ADDRESS)


def test_the_worked_example_is_cut_from_notebook_11_or_refused():
    notebook = nbformat.read(NOTEBOOKS / example.SOURCE, as_version=4)
    cells = example.example(notebook).cells
    assert len(cells) == 1 + len(example.CUT)
    assert sum("image/png" in str(cell.get("outputs", "")) for cell in cells) >= 2
    notebook.cells = [cell for cell in notebook.cells if example.CUT[2] not in cell.source]
    with pytest.raises(ValueError, match="no cell of 11_your_own_network.ipynb holds 'text = "):
        example.example(notebook)
