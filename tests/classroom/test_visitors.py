"""Who is counted, how many fit, and what the page says of it."""

import os
import subprocess
import sys

import pytest

from course_utils.classroom import visitors
from course_utils.classroom.visitors import ALONE_COSTS, FORKED_COSTS, SPARE, Visitors, arrive


@pytest.fixture(autouse=True)
def room(tmp_path, monkeypatch):
    """A folder of the test's own, in which nobody is yet, and no limit."""
    monkeypatch.setattr(visitors, "_folder", lambda: tmp_path / "here")
    monkeypatch.delenv("COURSE_VISITORS", raising=False)
    return tmp_path / "here"


@pytest.fixture
def others(room):
    """Start processes that are counted in as visitors; the test ends them."""
    started = []

    def start():
        code = f"""if True:
        import sys
        from pathlib import Path
        from course_utils.classroom import visitors
        visitors._folder = lambda: Path({str(room)!r})
        print(visitors.arrive(forked=True).here, flush=True)
        sys.stdin.read()"""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, "-c", code], **pipes)
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_each_process_is_counted_once_and_not_when_it_has_ended(others, room):
    first, counted = others()
    assert counted == 1
    _, counted = others()
    assert counted == 2
    assert arrive(forked=True).here == 3
    assert arrive(forked=True).here == 3  # the cell was run again
    first.kill()
    first.wait()
    assert arrive(forked=True).here == 2
    assert len([*room.iterdir()]) == 2


def test_a_number_that_another_process_got_meanwhile_is_nobody(room):
    arrive(forked=True)
    own = room / str(os.getpid())
    (room / str(os.getppid())).write_text("12345.00")  # begun at another time
    (room / "no-number").write_text("")
    assert arrive(forked=True).here == 1
    assert [*room.iterdir()] == [own]


@pytest.mark.parametrize("forked, costs", [(True, FORKED_COSTS), (False, ALONE_COSTS)])
def test_so_many_fit_as_the_memory_that_is_left_holds(monkeypatch, forked, costs):
    for left, most in ((SPARE + 3 * costs, 3), (SPARE + 4 * costs - 1, 3), (SPARE, 0), (0, 0)):
        monkeypatch.setattr(visitors, "available_memory", lambda left=left: left)
        found = arrive(forked=forked)
        assert found.most == most and found.is_full == (most == 0)


def test_who_is_there_already_has_taken_its_memory(others, monkeypatch):
    others()
    monkeypatch.setattr(visitors, "available_memory", lambda: SPARE + 2 * FORKED_COSTS)
    assert arrive(forked=True) == Visitors(here=2, most=3)


def test_who_is_turned_away_is_not_counted(others, monkeypatch):
    others()
    monkeypatch.setenv("COURSE_VISITORS", "1")
    assert [arrive(forked=True).here for _ in range(3)] == [2, 2, 2]
    _, counted = others()
    assert counted == 2


def test_a_container_has_what_its_limit_leaves(tmp_path, monkeypatch):
    monkeypatch.setattr(visitors, "_CGROUP", tmp_path)
    without = visitors.available_memory()
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("100\n")
    assert visitors.available_memory() == pytest.approx(without, rel=0.5)
    (tmp_path / "memory.max").write_text("1100\n")
    assert visitors.available_memory() == 1000
    (tmp_path / "memory.current").write_text("1200\n")
    assert visitors.available_memory() == 0


def test_a_teacher_sets_another_limit_and_nonsense_is_refused(monkeypatch):
    monkeypatch.setenv("COURSE_VISITORS", "7")
    assert arrive(forked=True) == Visitors(here=1, most=7)
    for nonsense in ("0", "-3", "many", "2.5"):
        monkeypatch.setenv("COURSE_VISITORS", nonsense)
        with pytest.raises(ValueError, match="whole number from 1 on, got"):
            arrive(forked=True)


def test_the_words_say_how_many_fit_before_the_page_is_full():
    assert Visitors(1, 30).words == (
        "This machine can hold about 30 visitors of this page at once; "
        "when you came, 1 was here, with you."
    )
    assert Visitors(24, 30).words.startswith("It is nearly full. This machine can hold about 30")
    assert "nearly" not in Visitors(23, 30).words
    assert not Visitors(30, 30).is_full
    full = Visitors(31, 30)
    assert full.is_full and full.words.startswith("This page is full: this machine can hold 30")
    assert "1 visitor of it" in Visitors(2, 1).words
