"""Which slides a notebook makes, by one rule; no browser, and nothing from a network."""

import base64
import hashlib
import io
import subprocess
import tarfile

import editions
import nbformat
import packages
import pytest
from explorer_pages import PAGE_WIDTH, PAGES, on_page, setting_of
from helpers.project import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from PIL import Image
from slides import compose, pieces, room, scenes, tables

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SHOWN = editions.chosen(editions.SHOWN)


@pytest.fixture(scope="module")
def decks():
    return {path: compose.compose(nbformat.read(path, as_version=4).cells) for path in NOTEBOOKS}


@pytest.mark.parametrize("path", SHOWN, ids=[path.stem[:2] for path in SHOWN])
def test_a_lesson_makes_fifteen_to_twenty_five_slides(path, decks):
    assert 15 <= len(decks[path]) <= 25


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem[:2] for path in NOTEBOOKS])
def test_every_notebook_can_be_shown(path, decks):
    slides = decks[path]
    assert slides[0].look == "title" and slides[-1].title == "Exercises"
    assert any(slide.title == "What we found" for slide in slides) or path.stem[:2] == "00"
    assert len(slides) <= compose.MOST
    for slide in slides:
        assert slide.parts
        assert sum(bool(part.figure) for part in slide.parts) <= 1
        for part in slide.parts:
            assert "](" not in part.text and "<!--" not in part.text
            for block in part.text.split("\n\n"):  # a formula stands alone
                assert block.count("$$") == 2 * block.startswith("$$")
            if part.figure:
                assert part.figure.text, f"a figure of {slide.title} lacks its text"


@pytest.mark.parametrize("path", SHOWN, ids=[path.stem[:2] for path in SHOWN])
def test_no_slide_has_more_text_than_is_read(path, decks):
    for slide in decks[path]:
        if not any(part.look == "table" for part in slide.parts):
            assert sum(pieces.words(part.text) for part in slide.parts) <= 66, slide.title


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem[:2] for path in NOTEBOOKS])
def test_each_question_is_followed_by_what_answers_it(path, decks):
    slides = decks[path]
    cells = nbformat.read(path, as_version=4).cells
    shown = [piece for piece in pieces.pieces(cells) if piece.kind in scenes.FIGURES]
    for asked, answer in zip(slides, slides[1:], strict=False):
        if asked.look == "ask" and shown:
            assert answer.title == asked.title
            assert answer.look.split()[0] in ("figure", "move", "finding", "ask", "derivation")


def picture(size=(20, 10)):
    file = io.BytesIO()
    Image.new("RGB", size).save(file, "PNG")
    png = base64.b64encode(file.getvalue()).decode()
    output = new_output("display_data", {"image/png": png, "text/plain": "<Figure>"})
    return new_code_cell("draw()", outputs=[output])


def claimed(*sentences):
    text = "".join(f"✓ {sentence}\n" for sentence in sentences)
    return new_code_cell("# Tested: it", outputs=[new_output("stream", text=text)])


def lesson(*cells):
    first = "# 99 · A title\n\n**After this you can.**\n\nYou need to know.\n\nThe lecture says so."
    last = "## Exercises\n\n**Exercise 1** (5 minutes). Find it. It is there."
    return [new_markdown_cell(first), *cells, new_markdown_cell(last)]


def looks(slides):
    return [(slide.look, [part.look for part in slide.parts]) for slide in slides]


def test_a_section_with_a_prediction_asks_then_shows_then_tells():
    made = compose.compose(
        lesson(
            new_markdown_cell("## 1. It\n\nTwo boxes.\n\n**Commit to a prediction.** Which?"),
            new_code_cell('mine = guess(..., ("left", "right"))'),
            picture(),
            new_markdown_cell("**What we see.** The left one. [More](x.md).<!-- Figure: Two. -->"),
            claimed("It is the left_one", "And more"),
        )
    )
    assert looks(made) == [
        ("title", ["promise"]),
        ("hook", ["quote"]),
        ("ask", ["setting", "question", "options"]),
        ("figure", ["picture", "seen", "claim", "claim"]),
        ("found", ["exercises"]),
    ]
    asked, shown = made[2:4]
    assert [part.text for part in asked.parts] == [
        "Two boxes.",
        "**Commit to a prediction.** Which?",
        "- left\n- right",
    ]
    texts = [(part.text, part.later) for part in shown.parts]
    assert texts[0] == ("", False) and shown.parts[0].figure.text == "Two."
    assert texts[1:3] == [("The left one. More.", True), (r"✓ It is the left\_one", True)]
    assert "Two boxes." in asked.notes and "- ✓ And more" in shown.notes
    assert made[-1].parts[0].text == "- **1** (5 min) Find it. It is there."


def test_a_derivation_comes_step_by_step_before_its_question():
    steps = "**Step 1. Add.** Then\n\n$$a = b + c$$\n\n**Step 2. $c$ is zero.**\n\n$$a = b$$"
    asked = "**Commit to a prediction.** How large?"
    made = compose.compose(lesson(new_markdown_cell(f"## 1. It\n\n{steps}\n\n{asked}")))
    assert looks(made)[2:4] == [("derivation", ["step", "step"]), ("ask", ["question"])]
    assert [part.later for part in made[2].parts] == [False, True]
    assert made[2].parts[1].text == "**Step 2. $c$ is zero.**\n\n$$a = b$$"


def test_the_author_says_more_where_a_reader_does_not_see_it():
    cells = lesson(
        new_markdown_cell(
            "## 1. It\n\n<!-- Slide: Two boxes. -->\n\n**Commit to a prediction.** A?"
        ),
        picture(),
        picture(),
        new_markdown_cell("<!-- Slide: Left. --><!-- Slide: none -->\n**What we see.** Much."),
        new_markdown_cell("## 2. That\n\n<!-- Slide: none -->Text."),
        claimed("one", "two"),
    )
    made = compose.compose(cells)[2:-1]
    assert [[part.text for part in slide.parts] for slide in made] == [
        ["Two boxes.", "**Commit to a prediction.** A?"],
        ["", "Left."],
    ]


def test_a_tall_picture_has_its_text_beside_it_and_more_of_it():
    many = claimed(*("one two three four five six seven eight nine ten eleven",) * 2)
    said = new_markdown_cell(
        "**What we see.** " + "This is a long sentence " * 5 + "<!-- Figure: A. -->"
    )
    wide, tall = (
        compose.compose(lesson(new_markdown_cell("## 1. It"), picture(size), said, many))[2]
        for size in ((20, 10), (10, 10))
    )
    assert (wide.look, len(wide.parts)) == ("figure", 3)
    assert (tall.look, len(tall.parts)) == ("figure beside", 4)


def test_a_formula_ends_where_it_ends():
    (formula, text) = pieces.pieces([new_markdown_cell("$$a\n= b$$\nThat is it.")])
    assert (formula.kind, formula.text) == ("formula", "$$a\n= b$$")
    assert (text.kind, text.text) == ("text", "That is it.")


def test_optional_sections_are_left_out():
    made = compose.compose(lesson(new_markdown_cell("## 1. It\n\n*Optional.*"), picture()))
    assert [slide.look for slide in made] == ["title", "hook", "found"]


def test_of_too_many_slides_those_that_answer_stay(monkeypatch):
    monkeypatch.setattr(compose, "MOST", 4)
    cells = lesson(
        new_markdown_cell("## 1. It\n\n**Commit to a prediction.** A?"),
        picture(),
        new_markdown_cell("**What we see.** B."),
        new_markdown_cell("### More\n\nLook:"),
        picture(),
    )
    assert [slide.look for slide in compose.compose(cells)] == ["title", "ask", "figure", "found"]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("One. Two? Three!", ["One.", "Two?", "Three!"]),
        ("See eq. 12 of He et al. today. Two.", ["See eq. 12 of He et al. today.", "Two."]),
        ("At $a.\\, b$ it is. (So? Yes.) Two.", ["At $a.\\, b$ it is.", "(So? Yes.)", "Two."]),
        ("**Bold.** Then.", ["**Bold.**", "Then."]),
    ],
)
def test_sentences(text, cut):
    assert pieces.sentences(text) == cut


def test_words_count_a_formula_once():
    assert pieces.words("Let $a = b + c$ be `x = y` – two <!-- not this -->") == 5


def test_a_long_formula_is_broken_where_the_author_left_room():
    short, long = r"$$a = b, \qquad c = d$$", r"$$" + "a = b + c, " * 9 + r"\qquad d = e$$"
    assert room.broken(short) == short
    assert r"\begin{gathered}" in room.broken(long) and r"\\" in room.broken(long)


def test_a_long_table_goes_on_several_slides_and_a_wide_one_on_none():
    rows = "\n".join(f"| {i} | x |" for i in range(20))
    made = tables.tables_of(
        nbformat.from_dict({"data": {"text/markdown": f"| a | b |\n|-|-|\n{rows}"}})
    )
    assert [table.count("\n") - 1 for table in made] == [9, 9, 2]
    assert all(table.startswith("| a | b |\n") for table in made)
    wide = "|" + " a |" * 7 + "\n|" + "-|" * 7 + "\n|" + " 1 |" * 7
    assert tables.tables_of(nbformat.from_dict({"data": {"text/markdown": wide}})) == []


def test_of_an_html_table_only_rows_and_cells_are_left():
    cell = '<td rowspan="2" onclick="x()">1<b>2</b></td>'
    source = f'<style>x</style><table border="1"><tr style="a">{cell}</tr></table>'
    made = tables.tables_of(nbformat.from_dict({"data": {"text/html": source}}))
    assert made == ['<table><tr><td rowspan="2">12</td></tr></table>']


def test_an_explorer_is_addressed_as_the_notebook_sets_it():
    code = (
        "more = {'width': 512, 'source': 'noise'}\n"
        "ActivationExplorer(data.images[:9], std=5 / 3 / math.sqrt(512), n=len(data), **more)\n"
    )
    setting = setting_of("ActivationExplorer", code)
    assert setting == {"std": pytest.approx(0.073657, rel=1e-4), "width": 512, "source": "noise"}
    assert setting_of("FunnelExplorer", "FunnelExplorer()") == {}
    assert all((ROOT / "figures" / page).is_file() for page in PAGES.values())


def test_a_page_is_asked_for_what_it_has_and_keeps_the_gain():
    setting = {"std": 5 / 3 / 512**0.5, "width": 512, "depth": 50, "source": "noise"}
    assert on_page(setting, {"std", "depth"}) == {"std": "0.1042", "depth": "50"}  # 5/3 / √256
    assert on_page(setting, {"std", "width"}) == {"std": "0.07366", "width": "512"}
    page = (ROOT / "figures" / PAGES["ActivationExplorer"]).read_text(encoding="utf-8")
    assert f"Layers of {PAGE_WIDTH} units" in page


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one file that `npm pack` brings, and a cache of its own."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.js").write_text("let a;")
    with tarfile.open(tmp_path / "a-1.tgz", "w:gz") as archive:
        archive.add(tmp_path / "package", "package")
    sum_ = hashlib.sha256((tmp_path / "a-1.tgz").read_bytes()).hexdigest()
    monkeypatch.setattr(packages.platformdirs, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(packages.shutil, "which", lambda name: "npm")

    def run(command, *, cwd, **options):
        assert command[:3] == ["npm", "pack", "a@1"]
        (cwd / "a-1.tgz").write_bytes((tmp_path / "a-1.tgz").read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", run)
    return packages.Package("a", "1", sum_, {"a.js": "b.js"})


def test_a_package_is_brought_once(package, monkeypatch):
    (path,) = packages.fetch(package)
    assert path.name == "b.js" and path.read_text() == "let a;"
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    assert packages.fetch(package) == [path]
    assert {p.name for p in path.parents[1].iterdir()} == {"a-1", "a-1.lock"}


def test_another_archive_than_the_known_one_is_refused(package):
    other = packages.Package("a", "1", "0" * 64, package.files)
    with pytest.raises(OSError, match=r"another a 1 than the known one.*nothing of it was used"):
        packages.fetch(other)
    assert not other.folder.exists()


def test_without_npm_words_say_what_to_do(package, monkeypatch):
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    with pytest.raises(OSError, match="a@1 is needed, once.*not found: install Node.js"):
        packages.fetch(package)


def test_what_npm_says_is_handed_on(package, monkeypatch):
    said = subprocess.CompletedProcess([], 1, "", "npm error\nnpm error network down\n")
    monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: said)
    with pytest.raises(OSError, match="could not bring a@1 .npm error network down.: is there a"):
        packages.fetch(package)


def test_slides_that_cannot_be_made_leave_no_folder(package, tmp_path, monkeypatch):
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="nothing was written: reveal.js"):
        editions.main(["slides", str(tmp_path / "slides")])
    assert not (tmp_path / "slides").exists()
