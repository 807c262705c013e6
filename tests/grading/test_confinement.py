"""What a confined process may still do: tried in one that has nothing else to do."""

import json
import os
import subprocess
import sys

import pytest

from course_utils.grading.confinement import landlock_version

TRIED = """
import json, os, signal, socket, subprocess, sys
from course_utils.grading.confinement import confine, die_with_parent, limit
outside, inside, readable, port = sys.argv[1:]
def outcome(call):
    try:
        call()
        return "done"
    except OSError as error:
        return type(error).__name__
limit("RLIMIT_FSIZE", 1000)
places = [readable, sys.prefix, sys.base_prefix, "/usr", "/lib", "/no/such/place"]
assert confine(places, [inside, os.devnull])
def write(path, text="x"):
    with open(path, "w") as file:
        file.write(text)
tries = {
    "write inside": lambda: write(inside + "/a"),
    "make a folder inside": lambda: os.mkdir(inside + "/folder"),
    "remove inside": lambda: os.remove(inside + "/a"),
    "write to nowhere": lambda: write(os.devnull),
    "read the readable": lambda: open(readable + "/a").read(),
    "list outside": lambda: os.listdir(outside),
    "write outside": lambda: write(outside + "/b"),
    "write into the readable": lambda: write(readable + "/a"),
    "read outside": lambda: open(outside + "/a").read(),
    "remove outside": lambda: os.remove(outside + "/a"),
    "truncate outside": lambda: os.truncate(outside + "/a", 0),
    "link outside": lambda: os.symlink("x", outside + "/c"),
    "move out": lambda: os.rename(inside + "/folder", outside + "/folder"),
    "write too much": lambda: write(inside + "/big", "x" * 2000),
    "connect": lambda: socket.create_connection(("127.0.0.1", int(port)), 1),
    "listen": lambda: socket.create_server(("127.0.0.1", 0)),
    "signal": lambda: os.kill(os.getppid(), 0),
}
found = {name: outcome(call) for name, call in tries.items()}
code = f"open({outside + '/d'!r}, 'w')"
child = subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
found["write outside from a child"] = "done" if child.returncode == 0 else "PermissionError"
print(json.dumps(found))
"""

ALLOWED = {"write inside", "make a folder inside", "remove inside", "write to nowhere"}
ALLOWED |= {"read the readable", "list outside"}


def test_a_confined_process_writes_inside_and_reads_what_it_must(tmp_path):
    version = landlock_version()
    if version < 6:
        pytest.skip(f"this kernel's Landlock is at {version}")
    import socket

    places = [tmp_path / name for name in ("outside", "inside", "readable")]
    for place in places:
        place.mkdir()
        (place / "a").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        command = [sys.executable, "-c", TRIED, *map(str, places), port]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert {name for name, outcome in found.items() if outcome == "done"} == ALLOWED
    assert found.pop("write too much") == "OSError" and len(found) == 17
    assert os.listdir(tmp_path / "outside") == ["a"]
    assert (tmp_path / "outside" / "a").read_text() == "secret"
