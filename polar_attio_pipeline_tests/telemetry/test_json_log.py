"""A log of JSON lines: one object a line, whatever is logged."""

import io
import json
import logging
import re
import warnings
from typing import Any

import pytest

from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline.telemetry.json_log import JsonHandler, is_json, json_lines

TOKEN = "polar_oat_" + "x" * 43


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(stream: io.StringIO) -> logging.Logger:
    logger = logging.Logger("polar_attio_pipeline.attio.client")  # noqa: LOG001  # of this test alone
    logger.addHandler(JsonHandler({"run_id": "r1"}, stream))
    return logger


def raised(error: Exception) -> Exception:
    """The error, with the place where it was raised."""
    with pytest.raises(type(error)):
        raise error
    return error


def line(stream: io.StringIO) -> dict[str, Any]:
    """The one line that was written."""
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.isascii()
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def test_a_line_says_when_how_bad_where_and_what(log: logging.Logger, stream: io.StringIO) -> None:
    log.warning("Attio's record %s cannot be read.", "abc", extra={"polar_attio": {"customer_id": "c1"}})

    found = line(stream)
    moment = found.pop("time")
    assert found == {
        "level": "warning",
        "logger": "polar_attio_pipeline.attio.client",
        "message": "Attio's record abc cannot be read.",
        "run_id": "r1",
        "customer_id": "c1",
    }
    assert moment.endswith("Z")
    assert "T" in moment


def test_letters_of_any_script_and_ends_of_lines_are_escaped(log: logging.Logger, stream: io.StringIO) -> None:
    message = 'Žofie\n"quoted"\r\x00\u2028\ud800 end'
    log.info("%s", message)

    assert line(stream)["message"] == message


def test_tokens_and_addresses_are_made_unreadable_in_every_field(log: logging.Logger, stream: io.StringIO) -> None:
    log.error("%s of ada@example.com", TOKEN, extra={"polar_attio": {"deep": [{"more": f"Bearer {TOKEN}"}]}})

    assert line(stream)["message"] == "<token> of <email>"
    assert TOKEN not in stream.getvalue()


def test_an_error_that_explains_itself_is_shown_with_its_text(log: logging.Logger, stream: io.StringIO) -> None:
    log.error("It failed.", exc_info=raised(LedgerError("The ledger was locked: close the shell.")))

    error = line(stream)["error"]
    assert error["type"] == "LedgerError"
    assert error["text"] == "The ledger was locked: close the shell."
    (place,) = error["at"]
    assert re.search(r"test_json_log\.py:\d+$", place)


def test_of_any_other_error_the_text_is_left_out_because_it_may_quote_values(
    log: logging.Logger, stream: io.StringIO
) -> None:
    log.error("It failed.", exc_info=raised(ValueError("Ada Lovelace")))

    assert line(stream)["error"].keys() == {"type", "at"}
    assert "Lovelace" not in stream.getvalue()


@pytest.mark.parametrize(
    "fields",
    [{"odd": object()}, {"nan": float("nan")}, {"odd": {1, object()}}],
    ids=["object", "no number", "set"],
)
def test_a_line_that_cannot_be_made_costs_that_line_only(
    log: logging.Logger, stream: io.StringIO, fields: dict[str, Any]
) -> None:
    log.info("Ada Lovelace", extra={"polar_attio": fields})

    found = line(stream)
    assert found["message"].startswith("A line could not be made (")
    assert "test_json_log:" in found["message"]
    assert "Lovelace" not in stream.getvalue()
    log.info("next")
    assert json.loads(stream.getvalue().splitlines()[1])["message"] == "next"


def test_arguments_that_do_not_fit_the_message_cost_that_line_only(log: logging.Logger, stream: io.StringIO) -> None:
    log.info("%d customers", "Ada Lovelace")

    assert "could not be made (TypeError)" in line(stream)["message"]


def test_a_stream_that_was_closed_ends_nothing(log: logging.Logger, stream: io.StringIO) -> None:
    stream.close()

    log.info("read by no program")


def test_every_logger_of_the_process_writes_such_lines_and_afterwards_all_is_as_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = list(logging.getLogger().handlers)
    with json_lines():
        assert is_json()
        logging.getLogger("another.library").warning("Something is odd.")

    assert not is_json()
    assert logging.getLogger().handlers == before
    assert json.loads(capsys.readouterr().err)["logger"] == "another.library"


def test_warnings_of_python_are_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        with json_lines():
            warnings.warn("It is old.", FutureWarning, stacklevel=1)

    assert "FutureWarning: It is old." in json.loads(capsys.readouterr().err)["message"]
