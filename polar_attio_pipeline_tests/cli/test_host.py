"""Commands with the settings of a component."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.cli.host import environment_of
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline_tests.conftest import set_up
from polar_attio_pipeline_tests.defs.components import OF_DAGSTER, defs_yaml, project_files

pytestmark = OF_DAGSTER

SETTINGS = """polar_access_token: '{{ env.ACME_TOKEN }}'
attio_api_key: '{{ env.ACME_KEY }}'
polar_api_url: '{{ env.ACME_URL }}'
attio_api_url: '{{ env.ACME_URL }}'"""


@pytest.fixture(autouse=True)
def environment(clean_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment that is as it was when the test is over, although the command changes that of its process."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "src")
    before, file = dict(os.environ), Settings.model_config["env_file"]
    yield
    os.environ.clear()
    os.environ.update(before)
    Settings.model_config["env_file"] = file
    for module in [module for module in sys.modules if module.partition(".")[0] == "host"]:
        del sys.modules[module]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_command_uses_the_settings_of_the_component_and_not_those_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = Sandbox(scale=OFF)
    set_up(sandbox)
    sandbox.polar.add_customer(email="ada@example.com", name="Ada")
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", "of the host")
    monkeypatch.setenv("POLAR_WEBHOOK_SECRET", "of the host, and no setting")
    monkeypatch.setenv("POLAR_ATTIO_OTHER_NONSENSE", "of the host, and no setting")
    component = project_files(tmp_path, defs_yaml(SETTINGS, "prefix: acme"))

    with serving(sandbox) as url:
        named = f"ACME_TOKEN={POLAR_TOKEN}\nACME_KEY={ATTIO_TOKEN}\nACME_URL={url}\n"
        Path(".env").write_text(f"{named}POLAR_PORT=1\nPOLAR_ATTIO_NONSENSE=1\nATTIO_SLUG__POLAR_CUSTOMER=other\n")
        planned = run("--component", str(component), "plan")
        home = tmp_path / "home"
        home.mkdir()
        monkeypatch.setenv("DAGSTER_HOME", str(home))
        examined = run("--component", str(component), "doctor")

    assert planned.exit_code == 0, planned.output
    assert "1 customer, 1 to create" in planned.output
    assert "The pool acme_attio has no limit" in " ".join(examined.output.split())
    assert POLAR_TOKEN not in planned.output + examined.output


def test_a_token_that_is_not_set_is_looked_for_where_the_component_takes_it_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", "of the host")
    monkeypatch.setenv("ACME_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ACME_KEY", ATTIO_TOKEN)
    component = project_files(tmp_path, defs_yaml(SETTINGS, "prefix: acme"))

    planned = run("--component", str(component), "plan")

    assert planned.exit_code == 1
    assert "POLAR_ACCESS_TOKEN is not set: the variable that the component's defs.yaml names for it" in planned.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (defs_yaml("polar_attio_who: all"), "attributes.settings.polar_attio_who: Input should be 'everybody'"),
        ("type: dagster.DefsFolderComponent\n", "holds no PolarAttioComponent"),
    ],
)
def test_a_component_that_cannot_be_used_is_said_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    component = project_files(tmp_path, text)

    failed = run("--component", str(component), "doctor")

    assert failed.exit_code == 1
    assert said in failed.stderr
    assert "Traceback" not in failed.output


def test_a_folder_that_is_not_there_is_said() -> None:
    failed = run("--component", "nowhere", "doctor")

    assert failed.exit_code == 1
    assert "There is no folder" in failed.stderr


def test_every_setting_survives_the_way_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(
        polar_access_token=SecretStr("t"),
        attio_slug={"polar_mrr": "mrr"},
        polar_attio_who=Audience.PAYS_NOW,
        polar_attio_companies=True,
        polar_attio_attributes='{"plan_tier": {"from": "metadata.tier"}}',
        polar_attio_unmark_max_share=0.25,
    )

    for name, value in environment_of(given).items():
        monkeypatch.setenv(name, value)

    assert Settings() == given
