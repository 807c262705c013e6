"""The editions for students and teachers: what they hold, what they do not, and where they go."""

import re

import editions
import nbformat
import pytest
import solved
from helpers.project import ROOT
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.name for path in NOTEBOOKS]
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
IDS = [path.stem[:2] for path in SOLUTIONS]


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


def text_of(cells):
    return "\n".join(cell.source for cell in cells)


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    folder = tmp_path_factory.mktemp("editions") / "students"
    editions.main(["students", str(folder)])
    return folder


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("editions") / "a new folder" / "teachers"
    editions.main(["teachers", str(folder)])
    return folder


@pytest.mark.parametrize("edition", ["students", "teachers"])
def test_an_edition_holds_all_notebooks_and_no_folder_of_solutions(edition, request):
    folder = request.getfixturevalue(edition)
    assert sorted(path.name for path in folder.glob("*.ipynb")) == NAMES
    assert {path.name for path in folder.iterdir()} - set(NAMES) == {editions.MARK, "files"}
    for name in NAMES:
        notebook = nbformat.read(folder / name, as_version=4)
        nbformat.validate(notebook)
        assert "solutions/" not in text_of(notebook.cells)


@pytest.mark.parametrize("edition", ["students", "teachers"])
def test_every_link_of_an_edition_leads_somewhere(edition, request):
    folder = request.getfixturevalue(edition)
    for name in NAMES:
        texts = [cell.source for cell in cells_of(folder / name) if cell.cell_type == "markdown"]
        links = re.findall(r"\]\(([^)#\s]+?)(?:#[^)]*)?\)", "\n".join(texts))
        local = [link for link in links if "://" not in link]
        assert not [link for link in local if not (folder / link).is_file()], name
        assert not [link for link in local if link.startswith("..")], name
    assert (folder / "files" / "course_utils" / "experiments" / "tournament.py").is_file()


def test_the_students_get_no_outputs_and_the_folds_of_the_sources(students):
    for path in NOTEBOOKS:
        cells, ours = cells_of(path), cells_of(students / path.name)
        assert len(cells) == len(ours)
        for cell, own in zip(cells, ours, strict=True):
            assert own.cell_type == cell.cell_type
            if cell.cell_type == "code":
                assert own.outputs == [] and own.execution_count is None
                if not cell.source.startswith(solved.INSTALLED):
                    assert own.source == cell.source  # so it runs as the notebook does
            hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
            assert own.metadata.get("jupyter", {}) == ({"source_hidden": True} if hidden else {})
            tags = [tag for tag in cell.metadata.get("tags", []) if tag != "hide-output"]
            assert own.metadata.get("tags", []) == tags
            assert set(own.metadata) <= {"jupyter", "tags"}  # no text of a figure, either


@pytest.mark.parametrize("solution", SOLUTIONS, ids=IDS)
def test_the_students_exercises_are_open(solution, students):
    open_cells = solved.stubs(cells_of(students / solution.name))
    assert open_cells
    for cell in open_cells.values():
        assert "..." in cell.source


def pieces_of(cell):
    """Return what would give an answer away: each line of code, each sentence."""
    if cell.cell_type == "code":
        return [line.strip() for line in cell.source.splitlines() if len(line.strip()) > 10]
    return [piece for piece in re.split(r"(?<=[.:?!])\s+", cell.source) if len(piece) > 25]


@pytest.mark.parametrize("solution", SOLUTIONS, ids=IDS)
def test_the_students_find_no_answer(solution, students):
    text = text_of(cells_of(students / solution.name))
    ours = text.partition("## Exercises")[2]
    task = text_of(cells_of(ROOT / "notebooks" / solution.name)).partition("## Exercises")[2]
    for number, cells in solved.solutions(cells_of(solution))[1].items():
        code = [piece for cell in cells if cell.cell_type == "code" for piece in pieces_of(cell)]
        said = [piece for cell in cells if cell.cell_type != "code" for piece in pieces_of(cell)]
        assert not [piece for piece in said if piece in text], f"exercise {number}"
        new = [line for line in code if line not in task]
        assert new, f"all lines of the solution of exercise {number} stand in the exercise"
        assert not [line for line in new if line in ours], f"exercise {number}"


@pytest.mark.parametrize("solution", SOLUTIONS, ids=IDS)
def test_the_teachers_find_every_solution_in_its_place(solution, teachers):
    source, ours = cells_of(ROOT / "notebooks" / solution.name), cells_of(teachers / solution.name)
    _, found = solved.solutions(cells_of(solution))
    assert set(solved.stubs(source)) == set(found) == set(solved.stubs(ours))
    text = text_of(ours)
    for number, cells in found.items():
        start = text.index(f"**Exercise {number}**")
        part = text[start:].split(f"**Exercise {number + 1}**")[0]
        assert f"> **For the teacher: the solution of exercise {number}.**" in part
        for piece in (piece for cell in cells[1:] for piece in pieces_of(cell)):
            assert piece.split("\n")[0] in part
    said = "".join(o.get("text", "") for c in ours if c.cell_type == "code" for o in c.outputs)
    assert [f"Exercise {number}: correct" in said for number in found] == [True] * len(found)
    assert "not attempted" not in said


def test_the_teachers_keep_the_stored_outputs_in_one_count(teachers):
    for path in NOTEBOOKS:
        stubs = {id(cell) for cell in solved.stubs(cells_of(path)).values()}
        kept = [c.outputs for c in cells_of(path) if c.cell_type == "code" and c.outputs]
        cells = [cell for cell in cells_of(teachers / path.name) if cell.cell_type == "code"]
        ours = [cell.outputs for cell in cells]
        for outputs in kept:
            for output in outputs:
                output.pop("execution_count", None)
                if "not attempted" not in output.get("text", ""):
                    assert any(_same(output, own) for one in ours for own in one), path.name
        counts = [cell.execution_count for cell in cells if cell.execution_count]
        assert counts == list(range(1, len(counts) + 1))
        assert len(cells) >= len(stubs)


def _same(output, own):
    return {k: v for k, v in own.items() if k != "execution_count"} == output


def test_the_teachers_edition_runs_from_top_to_bottom(teachers):
    notebook = nbformat.read(teachers / "00_start_here.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(teachers)}}).execute()
    said = [
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.get("text", "").startswith("Exercise")
    ]
    solved = [f"Exercise {k}: correct ({k} of 2 solved)\n" for k in (1, 2)]
    assert said == solved


def test_the_first_cell_says_how_to_install_without_a_clone_above(students):
    for name in NAMES:
        text = text_of(cells_of(students / name))
        assert "%pip install -e FOLDER" in text and "-e .." not in text


def test_where_the_address_is_known_the_first_cell_holds_the_whole_line(tmp_path, monkeypatch):
    monkeypatch.setattr(editions, "repository", lambda: "https://github.com/someone/course")
    editions.main(["students", str(tmp_path / "students")])
    for name in NAMES:
        text = text_of(cells_of(tmp_path / "students" / name))
        assert "On Colab:  " in text and "ADDRESS" not in text
        assert "!git clone https://github.com/someone/course course" in text


def test_an_edition_is_made_again_in_its_own_folder(tmp_path):
    folder = tmp_path / "edition"
    for word in ("first", "second"):
        with editions.edition(folder, "students") as fresh:
            (fresh / f"{word}.txt").write_text(word)
        assert (folder / f"{word}.txt").read_text() == word
    assert {path.name for path in folder.iterdir()} == {"second.txt", editions.MARK}
    assert list(tmp_path.iterdir()) == [folder]


def test_a_repository_around_an_edition_stays_when_it_is_made_again(tmp_path):
    folder = tmp_path / "sheets"
    editions.main(["students", str(folder)])
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main")
    (folder / ".gitignore").write_text(".ipynb_checkpoints")
    editions.main(["students", str(folder)])
    assert (folder / ".git" / "HEAD").read_text() == "ref: refs/heads/main"
    assert (folder / ".gitignore").is_file() and (folder / "00_start_here.ipynb").is_file()
    assert [*tmp_path.iterdir()] == [folder]


@pytest.mark.parametrize("what", ["a file beside", "a changed file", "another edition", "foreign"])
def test_what_is_not_ours_is_never_written_over(what, tmp_path):
    folder = tmp_path / "edition"
    if what == "foreign":
        folder.mkdir()
        (folder / "thesis.txt").write_text("years")
    else:
        name = "teachers" if what == "another edition" else "students"
        with editions.edition(folder, name) as fresh:
            (fresh / "page.txt").write_text("a page")
        if what == "a changed file":
            (folder / "page.txt").write_text("a page, and a note")
        if what == "a file beside":
            (folder / "notes.txt").write_text("a note")
    before = {path.name: path.read_text() for path in folder.iterdir()}
    with pytest.raises(ValueError, match="new or empty|new folder"):
        with editions.edition(folder, "students"):
            raise AssertionError("it must be refused before anything is written")
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


@pytest.mark.parametrize("existed", [True, False])
def test_an_edition_is_written_whole_or_not_at_all(existed, tmp_path):
    folder = tmp_path / "edition"
    if existed:
        with editions.edition(folder, "students") as fresh:
            (fresh / "page.txt").write_text("a page")
    with pytest.raises(RuntimeError, match="the disk"):
        with editions.edition(folder, "students") as fresh:
            (fresh / "half.txt").write_text("half")
            raise RuntimeError("the disk is full")
    assert [path.name for path in tmp_path.iterdir()] == (["edition"] if existed else [])
    assert not (folder / "half.txt").exists()


def test_the_old_edition_stays_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    folder = tmp_path / "edition"
    with editions.edition(folder, "students") as fresh:
        (fresh / "page.txt").write_text("a page")
    move = editions.Path.rename

    def failing(path, target):
        if ".new-" in path.name:
            raise PermissionError("in use")
        return move(path, target)

    monkeypatch.setattr(editions.Path, "rename", failing)
    with pytest.raises(PermissionError):
        with editions.edition(folder, "students"):
            pass
    assert (folder / "page.txt").read_text() == "a page"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_wrong_wish_is_answered_in_words(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(SystemExit, match="holds something else: give a folder that is new"):
        editions.main(["students", str(tmp_path)])
    with pytest.raises(SystemExit, match="thesis.txt holds something else"):
        editions.main(["students", str(tmp_path / "thesis.txt")])
    with pytest.raises(SystemExit, match="there is no notebook 99: there are 00, 01"):
        editions.main(["slides", str(tmp_path / "new"), "99"])
    with pytest.raises(SystemExit):
        editions.main(["students", str(tmp_path / "new"), "01"])
    assert "leave out the names" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def exercise(number=1, code="answer = ...\nexercises.check_answer(answer)"):
    text = f"**Exercise {number}** (5 minutes). How much?"
    return [new_markdown_cell(text), new_code_cell(code)]


def solution(number=1):
    text = f"**Exercise {number}.** How much?"
    return [new_markdown_cell(text), new_code_cell("answer = 3"), new_markdown_cell("Half of six.")]


def test_a_solution_takes_the_place_of_its_stub():
    needed = new_code_cell("import math")
    made = solved.solve(exercise(), [new_code_cell("# Installed: …"), needed, *solution()])
    assert [cell.source for cell in made] == [
        "**Exercise 1** (5 minutes). How much?",
        "# Imported: what the solutions need\nimport math",
        "> **For the teacher: the solution of exercise 1.** How much?",
        "# Solution of exercise 1, for the teacher\nanswer = 3",
        "> Half of six.",
    ]
    assert len({cell["id"] for cell in made}) == 5


def test_an_explanation_may_end_with_the_next_exercise():
    first, second = solution(1), solution(2)
    both = [*first[:2], new_markdown_cell(f"Half of six.\n\n{second[0].source}"), *second[1:]]
    _, found = solved.solutions(both)
    assert [[cell.source for cell in found[n]] for n in (1, 2)] == [
        [cell.source for cell in first],
        [cell.source for cell in second],
    ]


def test_an_exercise_without_its_solution_is_named():
    with pytest.raises(ValueError, match=r"exercises are \[1, 2\], and the solutions \[1\]"):
        solved.solve([*exercise(1), *exercise(2)], solution(1))
    with pytest.raises(ValueError, match=r"exercises are \[1\], and the solutions \[1, 2\]"):
        solved.solve(exercise(1), [*solution(1), *solution(2)])
    with pytest.raises(ValueError, match="exercise 1 has 0 cells that call a checker"):
        solved.stubs(exercise(code="answer = ..."))
