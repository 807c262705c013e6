"""What a reader meets in a notebook: how it is counted, and its budgets."""

import re
from pathlib import Path

import nbformat
import pytest
import reading
import store
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))


def drawn(source="draw()"):
    return new_code_cell(source, outputs=[new_output("display_data", {"image/png": "AAAA"})])


def marked(*cells):
    """Return the metadata that `store` writes for those cells."""
    store.mark(list(cells))
    return [dict(cell.metadata) for cell in cells]


@pytest.fixture(scope="module")
def cells():
    return {path: nbformat.read(path, as_version=4).cells for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_a_notebook_keeps_to_its_limits(path, cells):
    found = reading.measures(cells[path])
    assert set(found) == set(reading.LIMITS)
    over = {name: n for name, n in found.items() if n > reading.LIMITS[name]}
    assert not over, f"{path.stem} is over {reading.LIMITS}"


def test_the_lessons_together_have_at_most_42_000_words(cells):
    lessons = [path for path in NOTEBOOKS if path.stem[2] == "_"]
    assert len(lessons) >= 13
    assert sum(reading.words(cells[path]) for path in lessons) <= 42_000


def test_words_are_counted_without_the_contents_and_what_is_not_shown():
    text = "One two $x + y$\n<!-- Figure: not\nshown. -->three"
    contents = new_markdown_cell(f"{reading.CONTENTS} many words")
    assert reading.words([contents, new_markdown_cell(text), new_code_cell("a word")]) == 6


def test_lines_are_those_of_cells_that_are_not_folded():
    folded = new_code_cell("# Tested: all\nclaim('It is', True)")
    assert reading.visible_lines([folded, new_code_cell("a = 1\n\nb = 2")]) == [2]
    assert reading.measures([folded, folded])["claims"] == 2


@pytest.mark.parametrize("first", reading.FOLDED)
def test_proof_and_imports_are_folded(first):
    folded = {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}
    assert marked(new_code_cell(f"{first}this\nimport torch")) == [folded]
    assert marked(new_markdown_cell(f"{first}this")) == [{}]
    assert marked(new_code_cell(f"import torch  {first}")) == [{}]


def test_outputs_are_folded_between_a_prediction_and_its_answer_alone():
    question, answer = new_markdown_cell("**Commit to a prediction.**"), "**What we see.** A line."
    before, between, after = drawn(), drawn(), drawn()
    silent, explained = new_code_cell("x = 1"), new_markdown_cell("It draws.")
    page = [before, question, silent, explained, between, new_markdown_cell(answer)]
    store.mark([*page, after])
    hidden = {"tags": ["hide-output"], "jupyter": {"outputs_hidden": True}}
    assert {key: between.metadata[key] for key in hidden} == hidden
    for cell in (before, silent, after):
        assert not set(cell.metadata) & set(hidden)


def test_an_answer_may_end_with_the_next_question():
    again = new_markdown_cell("**What we see.** A line. **Commit to a prediction**: and now?")
    cells = [new_markdown_cell("**Commit to a prediction.**"), drawn(), again, drawn()]
    assert list(reading.predicted(cells)) == [cells[1], cells[3]]
    early = new_markdown_cell("**Commit to a prediction.** Then: **What we see.** A line.")
    assert list(reading.predicted([early, drawn()])) == []


def test_a_figure_gets_the_sentence_of_the_next_text():
    texts = new_markdown_cell("<!-- Figure: A line\n  falls. -->Seen.<!-- Figure: It rises. -->")
    first, second, *_ = marked(drawn(), drawn(), texts)
    assert first == {"alt": "A line falls.", "mystnb": {"image": {"alt": "A line falls."}}}
    assert second["alt"] == second["mystnb"]["image"]["alt"] == "It rises."


def test_a_figure_without_its_sentence_is_plain_to_see():
    bare = [drawn(), new_markdown_cell("Seen."), drawn()]
    assert [text for _, text in reading.figures(bare)] == ["", ""]
    with pytest.raises(ValueError, match=r"more sentences than figures above: \['It rises.'\]"):
        marked(new_code_cell("x = 1"), new_markdown_cell("<!-- Figure: It rises. -->"))


def test_tags_of_the_author_stay_and_old_folds_go():
    cell = new_code_cell("x = 1")
    cell.metadata = nbformat.from_dict({"tags": ["hide-input", "nbval-ignore-output", "x"]})
    cell.metadata["collapsed"] = True
    assert marked(cell) == [{"tags": ["nbval-ignore-output", "x"]}]


def lesson():
    words = " ".join(["word"] * 178)
    return [
        new_markdown_cell("# 99 · A title"),
        new_markdown_cell(reading.CONTENTS),
        new_markdown_cell(f"## 1. What `mlp` is\n\n{words} word word"),
        new_code_cell("# Tested: all\n" + "x = 1\n" * 50),
        new_code_cell("x = 1\n" * 10 + "## no heading"),
        new_markdown_cell(f"## 2. More\n\n*Optional:* {words} more"),
        new_markdown_cell("## Exercises\n\n**Exercise 1** (5 minutes). Say."),
        new_markdown_cell("**Exercise 2: more** (10 minutes). Say it."),
        new_markdown_cell(f"## Sources\n\n{words}"),
    ]


def test_contents_name_the_sections_with_links_and_minutes():
    assert reading.contents(lesson()).splitlines() == [
        "**Contents.** The core takes 2 minutes, what is optional 1, the exercises 15.",
        "",
        "- [1. What `mlp` is](#1.-What-mlp-is) (2 min)",
        "- [2. More](#2.-More) (optional, 1 min)",
        "- [Exercises](#Exercises) (15 min)",
        "- [Sources](#Sources)",
    ]
    assert reading.measures(lesson())["core"] == 2
    alone = reading.contents(lesson()[:5]).splitlines()
    assert alone[0] == "**Contents.** It takes 2 minutes."


def test_storing_writes_the_contents():
    notebook = nbformat.v4.new_notebook(cells=lesson())
    store.clean(notebook)
    assert notebook.cells[1].source == reading.contents(notebook.cells)
    store.clean(notebook)  # once more: the contents do not count themselves
    assert notebook.cells[1].source == reading.contents(lesson())


def test_the_plan_for_teachers_has_the_minutes_of_the_contents(cells):
    text = (NOTEBOOKS[0].parents[1] / "docs" / "teachers.md").read_text(encoding="utf-8")
    plan = re.findall(r"(\d\d)(?:\]\([^)]*\))? \((\d+) and (\d+)\)", text)
    assert {name for name, *_ in plan} == {path.stem[:2] for path in NOTEBOOKS}
    for path in NOTEBOOKS:
        if path.stem[2] == "_":
            parts = {part.title: part.minutes for part in reading.sections(cells[path])}
            minutes = reading.measures(cells[path])["core"], parts["Exercises"]
            assert (path.stem[:2], *(f"{n:.0f}" for n in minutes)) in plan
