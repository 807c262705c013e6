"""What readers without a kernel see: the stored outputs of the notebooks, and their hygiene."""

import ast
import base64
import copy
import io
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat
import pytest
import reading
import store
from PIL import Image

from course_utils.experiments import advise, as_markdown, stored

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
APPENDICES = sorted((ROOT / "notebooks").glob("[0-9][0-9][a-z]_*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
EXPLORERS = ROOT / "notebooks" / "explorers.ipynb"  # a page for voila, not a lesson: no outputs
STORED = [*NOTEBOOKS, *APPENDICES, *SOLUTIONS]
PAGES = [*STORED, EXPLORERS]
IGNORE = "nbval-ignore-output"


def names(paths):
    return [path.relative_to(ROOT / "notebooks").as_posix() for path in paths]


@pytest.fixture(params=STORED, ids=names(STORED))
def notebook(request):
    return nbformat.read(request.param, as_version=4)


@pytest.fixture(params=NOTEBOOKS, ids=names(NOTEBOOKS))
def lesson(request):
    return nbformat.read(request.param, as_version=4)


@pytest.fixture(params=NOTEBOOKS + APPENDICES, ids=names(NOTEBOOKS + APPENDICES))
def read_through(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def prose(notebook):
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return "\n".join(text for text in cells if not text.startswith(reading.CONTENTS))


def ignored(cell):
    return IGNORE in cell.metadata.get("tags", []) or "NBVAL_IGNORE_OUTPUT" in cell.source


def test_the_notebooks_are_numbered_without_a_gap():
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{n:02}" for n in range(len(NOTEBOOKS))]


def test_every_lesson_is_announced_by_the_readme_and_by_the_lesson_before():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path, before in zip(NOTEBOOKS, [None, *NOTEBOOKS[:-1]], strict=True):
        assert f"(notebooks/{path.name})" in readme, f"no row in README.md for {path.name}"
        if before:
            text = prose(nbformat.read(before, as_version=4))
            assert f"]({path.name})" in text, f"{before.name} has no link to {path.name}"


def test_outputs_come_from_one_fresh_run(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_what_a_cell_prints_is_stored_in_one_piece(notebook):
    for cell in code_cells(notebook):
        for first, second in zip(cell.outputs, cell.outputs[1:], strict=False):
            assert not first.output_type == second.output_type == "stream", cell.source


def test_there_is_no_error_and_no_stderr(notebook):
    assert not [o for o in outputs(notebook) if o.output_type == "error"]
    assert not [o for o in outputs(notebook) if o.get("name") == "stderr"]


def test_no_path_of_a_machine_is_stored(notebook):
    text = str([o for o in outputs(notebook)])
    assert not re.search(r"(/(root|home|tmp|work|Users)/)|([A-Z]:\\\\)", text)


def test_no_widget_state_or_view_is_stored(notebook):
    assert "widgets" not in notebook.metadata
    assert "widget-view" not in str(outputs(notebook))


def test_metadata_names_no_machine_and_no_version(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    known = {"tags", "jupyter", "alt", "mystnb"}
    assert all(set(cell.metadata) <= known for cell in notebook.cells)


def test_folds_and_the_texts_of_figures_are_stored_as_the_source_says(notebook):
    again = copy.deepcopy(notebook.cells)
    store.mark(again)
    assert [cell.metadata for cell in again] == [cell.metadata for cell in notebook.cells]


def test_a_folded_cell_tests_or_imports_and_shows_no_picture(notebook):
    """The first line of a folded cell is all that JupyterLab shows of it."""
    for cell in filter(reading.is_folded, notebook.cells):
        assert "\n" in cell.source and "image/png" not in str(cell.outputs)


def bound(tree):
    """Return the names that a cell gives to something, inside functions and loops too."""
    nodes = [*ast.walk(tree)]
    names = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    names |= {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    aliases = [a for n in nodes if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names]
    return names | {(a.asname or a.name).split(".")[0] for a in aliases}


def used(tree):
    loads = (n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return {n.id for n in loads}


def test_an_open_cell_uses_no_name_that_only_a_folded_test_defines(notebook):
    proof, shown = set(), set()
    for cell in code_cells(notebook):
        tree = ast.parse(cell.source)
        if cell.source.startswith("# Tested: "):
            proof |= bound(tree) - shown
        else:
            missing = used(tree) & proof - shown - bound(tree)
            assert not missing, f"{missing} in: {cell.source}"
            shown |= bound(tree)


def test_no_control_character_stands_for_a_letter_of_a_formula(notebook):
    for cell in notebook.cells:
        assert not re.search(r"[\x00-\x08\x0b-\x1f]", cell.source), repr(cell.source)


def test_every_figure_says_in_a_sentence_what_is_to_be_seen(notebook):
    for cell, text in reading.figures(notebook.cells):
        assert len(text.split()) >= 6 and text.endswith("."), (text, cell.source)
        assert not re.match(r"(A |The )?(plot|picture|figure|graph)\b", text, re.IGNORECASE), text


def test_a_cell_has_one_figure(notebook):
    for cell in code_cells(notebook):
        assert sum("image/png" in output.get("data", {}) for output in cell.outputs) <= 1


def test_no_answer_stands_between_a_prediction_and_its_answer(read_through):
    """A folded output still shows the first line of what is printed; a heading is a new subject."""
    waiting = False
    for cell in read_through.cells:
        if cell.cell_type == "markdown":
            assert not (waiting and re.search(r"^#", cell.source, re.MULTILINE)), cell.source
            waiting = (waiting and reading.ANSWER not in cell.source) or (
                cell.source.rfind(reading.PREDICTION) > cell.source.rfind(reading.ANSWER)
            )
        elif waiting:
            assert not any(o.output_type == "stream" for o in cell.outputs), cell.source
    assert not waiting


def test_the_contents_are_those_of_the_notebook(read_through):
    second = read_through.cells[1]
    assert second.cell_type == "markdown" and second.source == reading.contents(read_through.cells)


@pytest.mark.parametrize("path", STORED, ids=names(STORED))
def test_a_file_is_at_most_one_megabyte(path):
    assert path.stat().st_size <= 1_000_000


def test_pictures_are_legible_pngs(lesson):
    pictures = [o.data["image/png"] for o in outputs(lesson) if "image/png" in o.get("data", {})]
    assert pictures, "a lesson without a picture"
    for picture in pictures:
        width, height = Image.open(io.BytesIO(base64.b64decode(picture))).size
        assert width >= 300 and height >= 100


def test_cells_are_short_enough_to_read(notebook):
    longest = max(len(cell.source.splitlines()) for cell in code_cells(notebook))
    assert longest <= 25


def test_no_cell_is_skipped_and_few_are_ignored(notebook):
    cells = code_cells(notebook)
    assert "nbval-skip" not in str(notebook).lower()
    assert "raises-exception" not in str([cell.metadata for cell in cells])
    assert sum(map(ignored, cells)) <= 0.4 * len(cells)


def test_every_ignored_cell_is_followed_by_a_check(read_through):
    """An ignored cell's meaning is pinned by a claim or by numbers that nbval compares."""
    cells = code_cells(read_through)
    for i, cell in enumerate(cells):
        if not ignored(cell):
            continue
        after = [c for c in cells[i + 1 : i + 3] if not ignored(c)]
        assert after and any("claim(" in c.source or "print(" in c.source for c in after), (
            cell.source
        )


def test_a_lesson_has_claims_prose_exercises_and_sources(lesson):
    assert sum("claim(" in cell.source for cell in code_cells(lesson)) >= 3
    for heading in ("What we found", "Exercises", "Sources"):
        assert f"## {heading}" in prose(lesson)


def test_the_answers_of_the_readme_and_of_notebook_12_are_the_advice_of_the_stored_tournament():
    advice = as_markdown(advise(stored("tournament")["rows"]))
    assert advice.count("\n") > 10
    assert advice in (ROOT / "README.md").read_text(encoding="utf-8")
    page = nbformat.read(NOTEBOOKS[12], as_version=4)
    assert advice in [output.get("data", {}).get("text/markdown") for output in outputs(page)]


def test_links_between_notebooks_lead_somewhere():
    pages = {path: prose(nbformat.read(path, as_version=4)) for path in PAGES}
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        pages[page] = page.read_text(encoding="utf-8")
    for path, text in pages.items():
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_a_cell_that_draws_has_its_picture(notebook):
    draws = r"^\w.*(plt\.subplots|plotting\.\w+_by_\w+|plotting\.learning_curves|diagrams\.\w+)\("
    for cell in code_cells(notebook):
        if re.search(draws, cell.source, re.MULTILINE):
            assert any("image/png" in output.get("data", {}) for output in cell.outputs), (
                cell.source
            )


def test_each_notebook_links_to_the_glossary_the_words_that_it_explains():
    pages = {path.name: prose(nbformat.read(path, as_version=4)) for path in NOTEBOOKS}
    glossary = pages["00_start_here.ipynb"].split("## Glossary")[1].split("And the letters")[0]
    terms = re.findall(r"^\| .*(?:here|\((\S+)\)) \|$", glossary, re.MULTILINE)
    explained = Counter(name or "00_start_here.ipynb" for name in terms)
    assert len(terms) > 30 and set(explained) <= set(pages)
    for name, text in pages.items():
        links = len(re.findall(r"\((?:00_start_here\.ipynb)?#Glossary\)", text))
        assert links == explained[name], f"{name} explains {explained[name]} terms, links {links}"


def first_code_cell(path):
    return code_cells(nbformat.read(path, as_version=4))[0].source


@pytest.mark.parametrize("path", PAGES, ids=names(PAGES))
def test_every_notebook_begins_with_the_same_look_for_the_package(path):
    """Identical everywhere, but for the way from the notebook to the root of the clone."""
    expected = first_code_cell(NOTEBOOKS[0])
    if path in SOLUTIONS:
        expected = expected.replace("-e ..", "-e ../..").replace(
            "course/notebooks", "course/notebooks/solutions"
        )
    assert "find_spec" in expected and first_code_cell(path) == expected
    to_the_root = re.search(r"%pip install -e (\S+?)\\n", expected)[1]
    assert (path.parent / to_the_root / "pyproject.toml").exists()


@pytest.mark.parametrize("path", [NOTEBOOKS[0], SOLUTIONS[0]], ids=("lesson", "solution"))
def test_without_the_package_the_first_cell_says_what_to_type(path):
    """Run in a Python that sees the standard library only, in the notebook's own folder."""
    command = [sys.executable, "-I", "-S", "-c", first_code_cell(path)]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    said = done.stderr.splitlines()
    assert done.returncode == 1 and said[-4].startswith("ModuleNotFoundError: course_utils, the")
    assert said[-3].endswith(f"%pip install -e {'..' if path in NOTEBOOKS else '../..'}")
    assert said[-2].endswith("!git clone ADDRESS course && pip install ./course")
    assert f"course/{path.parent.relative_to(ROOT).as_posix()})" in said[-1]


def test_with_the_package_the_first_cell_says_nothing():
    command = [sys.executable, "-c", first_code_cell(NOTEBOOKS[0])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_page_of_the_explorers_is_stored_bare():
    """It is for a kernel: stored pictures of it would be of no use, and nobody would renew them."""
    page = nbformat.read(EXPLORERS, as_version=4)
    assert not outputs(page)
    assert all(cell.execution_count is None for cell in code_cells(page))
    test_no_widget_state_or_view_is_stored(page)
    test_metadata_names_no_machine_and_no_version(page)
    test_cells_are_short_enough_to_read(page)


def test_every_lesson_with_exercises_has_its_solutions():
    for path in NOTEBOOKS:
        if "not attempted yet" in path.read_text(encoding="utf-8"):
            assert ROOT / "notebooks" / "solutions" / path.name in SOLUTIONS


def test_solutions_are_all_judged_correct():
    for path in SOLUTIONS:
        printed = str(outputs(nbformat.read(path, as_version=4)))
        assert "Exercise" in printed and ": correct" in printed
        assert "not yet" not in printed and "not attempted" not in printed
