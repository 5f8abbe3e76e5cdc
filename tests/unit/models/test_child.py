"""A child process is watched, stopped on demand, and its last word is the error."""

import time
from pathlib import Path

import pytest

from lmviz.models.child import ChildFailed, run_python


class Stop(Exception):
    pass


def test_it_runs_to_the_end_and_sees_its_variables(tmp_path: Path) -> None:
    code = f"import os; open({str(tmp_path / 'out')!r}, 'w').write(os.environ['WORD'])"
    run_python(["-c", code], watch=lambda: None, env={"WORD": "here"})
    assert (tmp_path / "out").read_text() == "here"


def test_the_last_error_is_told() -> None:
    code = "import sys; print('ERROR: no such thing'); print('WARNING: old'); sys.exit(3)"
    with pytest.raises(ChildFailed, match=r"^ERROR: no such thing$"):
        run_python(["-c", code], watch=lambda: None)


def test_a_watch_that_raises_stops_it(tmp_path: Path) -> None:
    def watch() -> None:
        raise Stop

    started = time.monotonic()
    with pytest.raises(Stop):
        run_python(["-c", f"import time; time.sleep(30); open({str(tmp_path / 'out')!r}, 'w')"], watch=watch)
    assert time.monotonic() - started < 10
    assert not (tmp_path / "out").exists()
