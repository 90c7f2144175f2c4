"""Whatever is wrong ends a run, or a command, with one sentence: what it is, and what to do about it."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dagster as dg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from polar_attio_pipeline.cli import plan
from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.http.errors import FatalError, TransientError
from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline_tests.conftest import IMPATIENT, Pipeline, what_failed

WRONG_POLAR_TOKEN = "polar_oat_wrong" + "0" * 38
WRONG_ATTIO_KEY = "f" * 64

Trouble = Callable[[Pipeline, pytest.MonkeyPatch], None]


def wrong_polar_token(pipeline: Pipeline, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("POLAR_ACCESS_TOKEN", WRONG_POLAR_TOKEN)
    pipeline.configure(polar_access_token=SecretStr(WRONG_POLAR_TOKEN))


def wrong_attio_key(pipeline: Pipeline, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ATTIO_API_KEY", WRONG_ATTIO_KEY)
    pipeline.configure(attio_api_key=SecretStr(WRONG_ATTIO_KEY))


def revoked_attio_key(pipeline: Pipeline, _: pytest.MonkeyPatch) -> None:
    pipeline.sandbox.attio.tokens[ATTIO_TOKEN].active = False


def no_polar_scope(pipeline: Pipeline, _: pytest.MonkeyPatch) -> None:
    pipeline.sandbox.polar.tokens[POLAR_TOKEN].scopes = frozenset({"orders:read"})


def no_attio_scope(pipeline: Pipeline, _: pytest.MonkeyPatch) -> None:
    scopes = frozenset({"record_permission:read", "object_configuration:read"})
    pipeline.sandbox.attio.tokens[ATTIO_TOKEN].scopes = scopes


def remove(pipeline: Pipeline, slug: str) -> None:
    attributes = pipeline.sandbox.attio.people_type.attributes
    attributes.remove(next(attribute for attribute in attributes if attribute.slug == slug))


def missing_attribute(pipeline: Pipeline, _: pytest.MonkeyPatch) -> None:
    remove(pipeline, "polar_customer_id")


def archived_attribute(pipeline: Pipeline, _: pytest.MonkeyPatch) -> None:
    pipeline.sandbox.attio.archive_attribute("polar_customer")


def attribute_of_the_wrong_type(pipeline: Pipeline, _: pytest.MonkeyPatch) -> None:
    remove(pipeline, "polar_customer")
    pipeline.sandbox.attio.add_attribute("polar_customer", "text")


def polar_with_a_path(pipeline: Pipeline, environment: pytest.MonkeyPatch) -> None:
    use(pipeline, environment, polar_api_url=f"{pipeline.settings.polar_api_url}/v1")


def attio_with_a_path(pipeline: Pipeline, environment: pytest.MonkeyPatch) -> None:
    use(pipeline, environment, attio_api_url=f"{pipeline.settings.attio_api_url}/v2/objects")


def polar_without_a_scheme(pipeline: Pipeline, environment: pytest.MonkeyPatch) -> None:
    use(pipeline, environment, polar_api_url="api.polar.sh")


def polar_by_plain_http(pipeline: Pipeline, environment: pytest.MonkeyPatch) -> None:
    use(pipeline, environment, polar_api_url="http://api.polar.sh")


def attio_without_a_host(pipeline: Pipeline, environment: pytest.MonkeyPatch) -> None:
    use(pipeline, environment, attio_api_url="https://")


def unreachable_polar(pipeline: Pipeline, environment: pytest.MonkeyPatch) -> None:
    use(pipeline, environment, polar_api_url=nobody_listens())


def unreachable_attio(pipeline: Pipeline, environment: pytest.MonkeyPatch) -> None:
    use(pipeline, environment, attio_api_url=nobody_listens())


def use(pipeline: Pipeline, environment: pytest.MonkeyPatch, **urls: str) -> None:
    pipeline.configure(**urls)
    for name, url in urls.items():
        environment.setenv(name.upper(), url)


def nobody_listens() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


class _Page(BaseHTTPRequestHandler):
    """Some other server's page."""

    def do_GET(self) -> None:
        page = b"<!doctype html><title>Welcome</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def some_website() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def terminal(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the definitions are built from, in the environment."""
    monkeypatch.setenv("POLAR_API_URL", pipeline.settings.polar_api_url)
    monkeypatch.setenv("ATTIO_API_URL", pipeline.settings.attio_api_url)
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", str(pipeline.database))


def in_the_ui(pipeline: Pipeline) -> str:
    return what_failed(pipeline.sync(fails=True))


def in_the_terminal(command: str = "plan") -> str:
    failed = CliRunner().invoke(app, [command])
    assert failed.exit_code == 1
    assert failed.stderr.count("\n") == 1, failed.output
    return failed.stderr.strip()


def assert_is_a_sentence(text: str, *about: str) -> None:
    assert not [part for part in about if part not in text], text
    assert text.endswith(".")
    assert "\n" not in text
    assert "Traceback" not in text
    for secret in (WRONG_POLAR_TOKEN, WRONG_ATTIO_KEY, POLAR_TOKEN, ATTIO_TOKEN):
        assert secret not in text


@pytest.mark.parametrize(
    ("trouble", "about"),
    [
        (wrong_polar_token, ["Polar does not accept the token", "set POLAR_ACCESS_TOKEN"]),
        (wrong_attio_key, ["ATTIO_API_KEY", "create a new one"]),
        (revoked_attio_key, ["ATTIO_API_KEY", "revoked", "create a new one"]),
        (no_polar_scope, ["lacks a scope", "POLAR_ACCESS_TOKEN customers:read"]),
        (no_attio_scope, ["lacks the scope record_permission:read-write", "add it under"]),
        (missing_attribute, ["no People attribute polar_customer_id", "run `polar-attio setup`"]),
        (archived_attribute, ["polar_customer is archived", "run `polar-attio setup`"]),
        (attribute_of_the_wrong_type, ["is of type text, not checkbox", "set ATTIO_SLUG__POLAR_CUSTOMER"]),
        (polar_with_a_path, ["POLAR_API_URL", "it goes on after the host", "https://api.example.com"]),
        (attio_with_a_path, ["ATTIO_API_URL", "it goes on after the host", "https://api.example.com"]),
        (polar_without_a_scheme, ["POLAR_API_URL", "it begins with neither", "https://api.example.com"]),
        (attio_without_a_host, ["ATTIO_API_URL", "it is no address", "https://api.example.com"]),
        (polar_by_plain_http, ["POLAR_API_URL", "unencrypted", "write https://"]),
    ],
)
def test_what_is_set_up_wrong_is_said_at_once_in_the_ui_and_in_the_terminal(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, trouble: Trouble, about: list[str]
) -> None:
    pipeline.add("ada")
    trouble(pipeline, monkeypatch)

    assert_is_a_sentence(in_the_ui(pipeline), *about)
    assert_is_a_sentence(in_the_terminal(), *about)

    assert pipeline.writes == 0
    # Nothing is tried again that cannot get better by itself.
    assert pipeline.sandbox.traffic.count() <= 12


def test_a_token_that_is_not_set_is_named_in_the_ui_and_in_the_terminal(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.add("ada")
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", "")
    pipeline.configure(polar_access_token=SecretStr(""))

    assert_is_a_sentence(in_the_ui(pipeline), "POLAR_ACCESS_TOKEN for Polar is not set", "write it into .env")
    assert_is_a_sentence(in_the_terminal(), "POLAR_ACCESS_TOKEN is not set", ".env")

    assert pipeline.writes == 0


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("trouble", "about"),
    [
        (unreachable_polar, ["Polar cannot be reached", "check POLAR_API_URL and the network"]),
        (unreachable_attio, ["Attio cannot be reached", "check ATTIO_API_URL and the network"]),
    ],
)
def test_a_host_that_cannot_be_reached_is_named_with_its_setting(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, trouble: Trouble, about: list[str]
) -> None:
    monkeypatch.setattr(plan, "PATIENT", IMPATIENT)
    trouble(pipeline, monkeypatch)

    assert_is_a_sentence(in_the_ui(pipeline), *about)
    assert_is_a_sentence(in_the_terminal(), *about)


@pytest.mark.parametrize("setting", ["polar_api_url", "attio_api_url"])
def test_a_website_where_an_api_should_be_is_named_with_its_setting(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, some_website: str, setting: str
) -> None:
    use(pipeline, monkeypatch, **{setting: some_website})

    about = ("There is a web page where", f"set {setting.upper()} to")
    assert_is_a_sentence(in_the_ui(pipeline), *about)
    assert_is_a_sentence(in_the_terminal(), *about)


def test_everything_that_is_wrong_with_the_attributes_is_listed_at_once(pipeline: Pipeline) -> None:
    for attribute in ATTRIBUTES:
        if attribute.required:
            remove(pipeline, attribute.key)

    said = in_the_ui(pipeline)

    assert said.count("run `polar-attio setup`") == sum(attribute.required for attribute in ATTRIBUTES)


def test_set_up_says_the_same_of_a_key_that_is_not_accepted(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong_attio_key(pipeline, monkeypatch)

    assert_is_a_sentence(in_the_terminal("setup"), "ATTIO_API_KEY")


def test_the_reconciliation_and_the_preview_say_the_same(pipeline: Pipeline) -> None:
    pipeline.sandbox.attio.archive_attribute("polar_customer")

    said = {
        what_failed(pipeline.reconcile(fails=True)),
        what_failed(pipeline.run("preview", fails=True)),
        in_the_ui(pipeline),
    }

    assert len(said) == 1


def test_tokens_that_are_not_set_at_all_fail_the_run_and_are_named(pipeline: Pipeline) -> None:
    pipeline.configure(polar_access_token=SecretStr(""))

    assert "POLAR_ACCESS_TOKEN" in what_failed(pipeline.sync(fails=True))

    pipeline.configure(polar_access_token=SecretStr(POLAR_TOKEN), attio_api_key=SecretStr(""))

    assert "ATTIO_API_KEY" in what_failed(pipeline.sync(fails=True))


def test_a_ledger_that_is_no_ledger_fails_the_run_with_what_to_do(pipeline: Pipeline) -> None:
    pipeline.database.parent.mkdir()
    pipeline.database.write_bytes(b"not a database" * 1000)

    result = pipeline.reconcile(fails=True)

    assert_is_a_sentence(what_failed(result), "move the file away and launch full_reconciliation")


@pytest.mark.parametrize(
    ("error", "may_be_tried_again"),
    [
        (FatalError("Set it.", service="Polar", request="GET /"), False),
        (TransientError("Later.", service="Polar", request="GET /"), True),
        (UnavailableError("Later."), True),
        (LedgerError("Later."), True),
    ],
)
def test_only_what_a_person_has_to_mend_is_not_tried_again(error: Exception, may_be_tried_again: bool) -> None:
    with pytest.raises(dg.Failure) as failure, explained_failures():
        raise error

    assert failure.value.description == str(error)
    assert failure.value.allow_retries is may_be_tried_again
    assert failure.value.__suppress_context__


def test_an_error_that_nobody_foresaw_passes_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), explained_failures():
        _ = 1 / 0
