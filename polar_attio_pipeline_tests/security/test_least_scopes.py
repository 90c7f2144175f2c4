"""The table of docs/security.md: with the scopes of its row a command works, without any one of them it does not."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.sandbox.polar.world import ALL_SCOPES
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline_tests.conftest import Pipeline

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
ROW = re.compile(r"^\| `polar-attio ([a-z ]+)`[^|]* \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ALL_OF_ATTIO = frozenset({"object_configuration:read-write", "record_permission:read-write"})

TABLE = {
    name: tuple(frozenset(re.findall(r"`([a-z_]+:[a-z-]+)`", cell)) for cell in cells)
    for name, *cells in ROW.findall(PAGE.read_text())
}
"""The scopes of Polar and of Attio, by command."""

Arguments = Callable[[Pipeline], Sequence[str]]


def one(pipeline: Pipeline) -> str:
    """The id of a customer that is in the ledger and in Attio."""
    (customer,) = pipeline.ledger.of_customers([row.id for row in pipeline.sandbox.polar.customers.values()])
    return customer


def something_to_set_up(pipeline: Pipeline) -> Sequence[str]:
    pipeline.sandbox.attio.archive_attribute("polar_country")
    return ("setup",)


def made_plan(pipeline: Pipeline) -> Sequence[str]:
    pipeline.add(f"bob-{len(pipeline.sandbox.polar.customers)}")
    file = pipeline.database.with_name("plan.json")
    assert run("plan", "--out", str(file), "--force") == 0
    return ("apply", str(file))


def newest_pass(pipeline: Pipeline) -> Sequence[str]:
    (newest, *_) = pipeline.ledger.newest_passes(1)
    return ("undo", newest.pass_id, "--yes", "--clear-created", "--dry-run")


def left_out(pipeline: Pipeline) -> Sequence[str]:
    pipeline.ledger.skip(one(pipeline))
    return ("unskip", one(pipeline))


COMMANDS: dict[str, Arguments] = {
    "setup": something_to_set_up,
    "doctor": lambda _: ("doctor",),
    "plan": lambda _: ("plan",),
    "apply": made_plan,
    "sync": lambda _: ("sync",),
    "undo": newest_pass,
    "uninstall": lambda _: ("uninstall", "--yes", "--dry-run"),
    "status": lambda _: ("status",),
    "explain": lambda pipeline: ("explain", one(pipeline)),
    "approve": lambda _: ("approve",),
    "skip": lambda pipeline: ("skip", one(pipeline)),
    "unskip": left_out,
    "forget": lambda pipeline: ("forget", one(pipeline), "--yes"),
    "backup": lambda pipeline: ("backup", str(pipeline.database.with_name("copy.db")), "--force"),
}


def run(*arguments: str) -> int:
    return CliRunner().invoke(app, arguments).exit_code


def grant(pipeline: Pipeline, *, polar: frozenset[str], attio: frozenset[str]) -> None:
    pipeline.sandbox.polar.tokens[POLAR_TOKEN].scopes = polar
    pipeline.sandbox.attio.tokens[ATTIO_TOKEN].scopes = attio


@pytest.fixture
def environment(pipeline: Pipeline, impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ada is in Polar, in Attio and in the ledger."""
    for name, value in {
        "POLAR_API_URL": pipeline.settings.polar_api_url,
        "ATTIO_API_URL": pipeline.settings.attio_api_url,
        "POLAR_ATTIO_START_DATE": "2026-11-01",
        "POLAR_REQUESTS_PER_MINUTE": "100000",
        "POLAR_ATTIO_DATABASE_URL": str(pipeline.database),
    }.items():
        monkeypatch.setenv(name, value)
    pipeline.add("ada")
    assert run("sync") == 0


def test_the_table_has_a_row_for_each_command_that_is_tried() -> None:
    assert TABLE.keys() == COMMANDS.keys()


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_needs_the_scopes_of_its_row_and_no_other(pipeline: Pipeline, command: str) -> None:
    polar, attio = TABLE[command]
    arguments = COMMANDS[command](pipeline)

    for scope in polar:
        grant(pipeline, polar=ALL_SCOPES - {scope, scope.replace(":read", ":write")}, attio=ALL_OF_ATTIO)
        assert_fails(pipeline, arguments, without=scope)
    for scope in attio:
        grant(pipeline, polar=ALL_SCOPES, attio=weaker(scope))
        assert_fails(pipeline, arguments, without=scope)
    grant(pipeline, polar=polar, attio=attio)
    if command == "apply":
        # A plan of a token that may read more has more in it.
        arguments = made_plan(pipeline)
    assert run(*arguments) == 0


def assert_fails(pipeline: Pipeline, arguments: Sequence[str], *, without: str) -> None:
    before = pipeline.writes

    result = CliRunner().invoke(app, arguments)

    assert result.exit_code != 0, f"it works without {without}"
    assert without in result.output.replace("\n", " "), result.output
    assert pipeline.writes == before


def weaker(scope: str) -> frozenset[str]:
    """All of Attio's scopes, one of them only for reading; a scope for reading is left out."""
    what = scope.partition(":")[0]
    others = {one for one in ALL_OF_ATTIO if not one.startswith(what)}
    return frozenset({*others, f"{what}:read"} if scope.endswith("write") else others)
