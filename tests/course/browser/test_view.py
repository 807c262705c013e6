"""The view by itself, with a kernel that answers when the test wants it to."""

import json

import pytest

from course_utils.explorers.controls import Choice, Jumps, whole_number
from course_utils.explorers.front_end import HERE

WIDTHS = {"256": 256, "512": 512}
ROWS = [
    [
        whole_number("depth", "depth", 1, 50),
        Jumps("std", "jump to", {"Zero": None, "He": None}, "width"),
    ],
    [Choice("width", "width", WIDTHS), Choice("switch", "switch", {"on": 1, "off": 0}, alone=True)],
]


@pytest.fixture
def view(browser):
    """A page whose ``view`` has one question under way, and what it ``asked``."""
    spec = {"prefix": "test", "label": "test", "rows": [[c.spec for c in row] for row in ROWS]}
    page = browser.new_page()
    page.add_script_tag(content=(HERE / "view.js").read_text(encoding="utf-8"))
    page.evaluate(
        """(spec) => {
            window.asked = [];
            const root = document.body.appendChild(document.createElement("div"));
            window.view = new View(root, spec, () => {}, (request) => asked.push(request));
            view.move("depth", "place", 1);
        }""",
        json.loads(json.dumps(spec)),
    )
    yield page
    page.close()


def asked_after(view, moves):
    """Make moves while the first question is under way; answer it and all that follow."""
    return view.evaluate(
        """(moves) => {
            performance.now = () => 0; // no answer takes time, however busy the machine is
            for (const move of moves) view.move(...move);
            for (let i = 0; i < asked.length; i++) {
                view.show({ answer: asked[i].request, values: {}, correction: "", verdict: "" });
            }
            return asked.slice(1).map((request) => request.set);
        }""",
        moves,
    )


def test_of_the_moves_that_wait_the_newest_of_each_control_is_asked_at_once(view):
    moves = [["depth", "place", 2], ["width", "chosen", "512"], ["depth", "place", 9]]
    expected = [{"depth": ["place", 9], "width": ["chosen", "512"]}]
    assert asked_after(view, moves) == expected


def test_of_many_jumps_only_the_last_is_asked(view):
    moves = [["std", "jump", name] for name in ("He", "Zero", "He", "Zero")]
    assert asked_after(view, moves) == [{"std": ["jump", "Zero"]}]


@pytest.mark.parametrize("first, then", [("std", "width"), ("width", "std")])
def test_a_jump_is_meant_for_the_width_that_stood_there_when_it_was_pressed(view, first, then):
    moves = {"std": ["std", "jump", "He"], "width": ["width", "chosen", "512"]}
    alone = [{name: move[1:]} for name, move in [(n, moves[n]) for n in (first, then)]]
    assert asked_after(view, [moves[first], moves[then]]) == alone


def test_a_switch_is_meant_for_what_stood_there_too(view):
    moves = [["switch", "chosen", "on"], ["depth", "place", 7], ["switch", "chosen", "off"]]
    assert asked_after(view, moves) == [{name: [how, to]} for name, how, to in moves]


def test_an_unfolded_table_never_shows_old_numbers(view):
    show = """at => {
        const table = { caption: "c", columns: ["layer"], rows: [[String(at)]] };
        view.show({ answer: "", values: {}, correction: "", verdict: "", table });
    }"""
    cells = view.locator("tbody th")
    view.evaluate(show, 1)
    view.locator("summary").click()
    cells.get_by_text("1").wait_for()
    view.locator("summary").click()
    view.evaluate(show, 2)
    assert cells.all_text_contents() == []  # while it is folded
    view.locator("summary").click()
    cells.get_by_text("2").wait_for()


def test_where_answers_are_slow_a_row_of_presses_is_asked_when_it_rests(view):
    asked = view.evaluate(
        """async () => {
            view.show({ answer: asked[0].request, values: {}, correction: "", verdict: "" });
            view.took = 500; // milliseconds of the last answer
            view.move("std", "jump", "He");
            view.move("std", "jump", "Zero");
            const atOnce = asked.length;
            await new Promise((done) => setTimeout(done, 200));
            view.show({ answer: asked[1].request, values: {}, correction: "", verdict: "" });
            view.took = 500;
            view.move("depth", "place", 9); // a slider does not wait
            return [atOnce, ...asked.slice(1).map((request) => request.set)];
        }"""
    )
    assert asked == [1, {"std": ["jump", "Zero"]}, {"depth": ["place", 9]}]
