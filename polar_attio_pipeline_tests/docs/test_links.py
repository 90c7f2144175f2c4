"""Every link of every page leads somewhere, and every command, setting and path that a page names exists."""

import pytest

from polar_attio_pipeline_tests.docs.attributes import ROOT
from polar_attio_pipeline_tests.docs.commands import known_targets, make_targets, problem_of, program_calls
from polar_attio_pipeline_tests.docs.names import missing_paths, unknown_settings
from polar_attio_pipeline_tests.docs.pages import OLD, PAGES, Code, anchors, broken_links, code, links, read

CURRENT = [page for page in PAGES if page not in OLD]


def inline(text: str) -> Code:
    return Code("page.md", text)


@pytest.mark.parametrize("page", [*PAGES, "llms.txt"])
def test_every_link_and_picture_leads_to_a_file_and_a_heading(page: str) -> None:
    assert broken_links(page, read(page)) == []


@pytest.mark.parametrize("page", CURRENT)
def test_every_command_exists_with_the_options_that_are_shown(page: str) -> None:
    calls = [call for found in code(page, read(page)) for call in program_calls(found)]

    assert {" ".join(call): problem for call in calls if (problem := problem_of(call))} == {}


@pytest.mark.parametrize("page", CURRENT)
def test_every_target_of_make_exists(page: str) -> None:
    targets = {target for found in code(page, read(page)) for target in make_targets(found)}

    assert targets - known_targets() == set()


@pytest.mark.parametrize("page", CURRENT)
def test_every_setting_exists(page: str) -> None:
    assert [name for found in code(page, read(page)) for name in unknown_settings(found)] == []


@pytest.mark.parametrize("page", CURRENT)
def test_every_path_of_the_repository_exists(page: str) -> None:
    assert [path for found in code(page, read(page)) for path in missing_paths(found)] == []


def test_the_pages_hold_enough_to_look_at() -> None:
    found = [one for page in CURRENT for one in code(page, read(page))]

    assert sum(1 for one in found for _ in program_calls(one)) > 60
    assert sum(1 for one in found for _ in make_targets(one)) > 20
    assert sum(len(links(read(page))) for page in PAGES) > 80


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[here](docs/undo.md)", []),
        ("[here](docs/undo.md#an-undo-is-a-pass)", []),
        ("[elsewhere](https://example.com/x.md)", []),
        ("[gone](docs/gone.md)", ["docs/gone.md"]),
        ("[no heading](docs/undo.md#gone)", ["docs/undo.md#gone"]),
        ("![no picture](docs/gone.png)", ["docs/gone.png"]),
        ("`[no link](docs/gone.md)`", []),
    ],
)
def test_a_link_is_broken_when_its_file_or_heading_is_missing(text: str, broken: list[str]) -> None:
    assert broken_links("README.md", text) == broken


def test_anchors_are_made_of_the_headings() -> None:
    assert anchors("# Go on\n\n## It's `done`, again\n\n## Go on\n\n### What a\n`b_c` is") >= {
        "go-on",
        "its-done-again",
        "go-on-1",
    }


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("polar-attio plan --out plan.json --force", False),
        (".venv/bin/polar-attio sync ada@example.com", False),
        ("polar-attio status [--offline] [--reconciled-within HOURS]", False),
        ("polar-attio COMMAND --help", False),
        ("polar-attio alerts test", False),
        ("polar-attio sync --from 2026-11-23-14:00 | tee log  # all", False),
        ("polar-attio plann", True),
        ("polar-attio plan --file plan.json", True),
        ("polar-attio plan --out", False),
    ],
)
def test_a_command_is_held_against_the_program(text: str, wrong: bool) -> None:
    (call,) = program_calls(inline(text))

    assert bool(problem_of(call)) is wrong


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("uvx --from polar-attio-pipeline polar-attio doctor", [["doctor"]]),
        ("docker compose exec code polar-attio doctor", [["doctor"]]),
        ("POLAR_ATTIO_WHO=pays-now /opt/venv/bin/polar-attio plan", [["plan"]]),
        ("journalctl -u polar-attio -f", []),
        ("pip install polar-attio-pipeline", []),
    ],
)
def test_the_program_is_known_behind_other_ones(text: str, calls: list[list[str]]) -> None:
    assert list(program_calls(inline(text))) == calls


def test_of_a_session_only_what_is_typed_is_a_command() -> None:
    session = Code("page.md", "$ polar-attio undo\nTo see it: polar-attio gone\n", "console", is_block=True)

    assert list(program_calls(session)) == [["undo"]]


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("POLAR_ATTIO_WHO=pays-now", []),
        ("ATTIO_SLUG__POLAR_MRR=mrr", []),
        ("POLAR_ACCESS_TOKEN_FILE=/run/secrets/polar", []),
        ("POLAR_PORT*", []),
        ("POLAR_ATTIO_WHOM", ["POLAR_ATTIO_WHOM"]),
        ("ATTIO_KEY", ["ATTIO_KEY"]),
    ],
)
def test_a_setting_is_held_against_the_settings(text: str, unknown: list[str]) -> None:
    assert unknown_settings(inline(text)) == unknown


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("sync/outcomes.py", []),
        ("polar_attio_pipeline_tests/faults", []),
        ("faults/bounds.py", []),
        ("ports.py", []),
        ("plan.json", []),
        ("/etc/systemd/system", []),
        ("sync/gone.py", ["sync/gone.py"]),
        ("docs/gone.md", ["docs/gone.md"]),
        ("gone.py", ["gone.py"]),
    ],
)
def test_a_path_is_held_against_the_repository(text: str, missing: list[str]) -> None:
    assert list(missing_paths(inline(text))) == missing


def test_every_page_of_the_repository_is_looked_at() -> None:
    assert {"README.md", "AGENTS.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/index.md"} <= set(PAGES)
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")} <= set(PAGES)
