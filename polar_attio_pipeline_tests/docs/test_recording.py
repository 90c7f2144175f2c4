"""The recording of the first minutes can be played, and the picture of it needs no other host."""

import json
import re
import sys
from pathlib import Path

from polar_attio_pipeline_tests.docs.recording import CAST, PICTURE, SHOWN, Recording, record

STEPS = ("polar-attio setup", "full_reconciliation", "customer_sync", "The same again")


def test_what_a_command_prints_is_recorded_as_it_comes(tmp_path: Path) -> None:
    code = "import time; print('\\x1b[1mone ä\\x1b[0m', flush=True); time.sleep(0.2); print('two')"

    done = record((sys.executable, "-c", code), shown="it", folder=tmp_path)

    assert done.exit_code == 0
    assert "".join(text for _, text in done.events) == "\x1b[1mone ä\x1b[0m\r\ntwo\r\n"
    assert done.events[-1][0] - done.events[0][0] > 0.1


def test_a_command_that_fails_is_known_to_have_failed(tmp_path: Path) -> None:
    assert record((sys.executable, "-c", "import sys; sys.exit(3)"), shown="it", folder=tmp_path).exit_code == 3


def test_the_cast_begins_with_its_header_and_what_was_typed() -> None:
    header, *events = map(json.loads, Recording("it", [(0.5, "a\r\n"), (1.25, "b")], 0).cast().splitlines())

    assert (header["version"], header["width"], header["height"]) == (2, 110, 40)
    assert events == [[0.0, "o", "$ it\r\n"], [0.5, "o", "a\r\n"], [1.25, "o", "b"]]


def test_the_recording_in_the_documentation_is_one_of_the_whole_demo() -> None:
    header, *events = map(json.loads, CAST.read_text(encoding="utf-8").splitlines())
    printed = "".join(text for _, _, text in events)

    assert (header["version"], header["title"]) == (2, SHOWN)
    assert [at for at, _, _ in events] == sorted(at for at, _, _ in events)
    assert [step for step in STEPS if step not in printed] == []
    assert "Traceback" not in printed


def test_the_picture_shows_the_demo_and_asks_no_host() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    words = re.sub(r"&#160;|\s", " ", re.sub(r"<[^>]+>", "", picture))

    assert [step for step in STEPS if step not in words] == []
    assert re.findall(r"url\(['\"]?https?:|(?:href|src)=\"https?:", picture) == []
