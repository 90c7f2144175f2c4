"""What `dg scaffold defs` writes for a component."""

import re
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster.components.scaffold.scaffold import NoParams, ScaffoldFormatOptions

from polar_attio_pipeline.defs.component_scaffold import PolarAttioScaffolder, prefix_of
from polar_attio_pipeline_tests.defs.components import OF_DAGSTER, TYPE, loaded

pytestmark = OF_DAGSTER


def scaffold(target: Path, *, append: bool = False, scaffold_format: ScaffoldFormatOptions = "yaml") -> None:
    request = dg.ScaffoldRequest(
        type_name=TYPE,
        target_path=target,
        scaffold_format=scaffold_format,
        project_root=None,
        params=NoParams(),
        append=append,
    )
    PolarAttioScaffolder().scaffold(request)


def test_the_file_loads_as_it_is_and_is_named_after_its_folder(tmp_path: Path, clean_environment: None) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()

    scaffold(folder)

    text = (folder / "defs.yaml").read_text()
    assert yaml.safe_load(text)["requirements"]["env"] == ["ACME_POLAR_ACCESS_TOKEN", "ACME_ATTIO_API_KEY"]
    with loaded(text) as (component, defs):
        assert component.prefix == "acme"
        assert defs.resolve_job_def("acme_full_reconciliation")


def test_every_line_that_is_commented_out_does_when_it_is_not(tmp_path: Path, clean_environment: None) -> None:
    scaffold(tmp_path)
    text = re.sub(r"^( *)# ( *[a-z_]+:)", r"\1\2", (tmp_path / "defs.yaml").read_text(), flags=re.MULTILINE)

    with loaded(text) as (component, _):
        given = component.settings.model_fields_set

    assert given >= {"polar_attio_who", "polar_attio_companies", "attio_slug", "polar_attio_attributes"}
    assert component.group == "customers"
    assert component.owners == ["team:growth"]
    assert component.tags == {"team": "growth"}


def test_a_second_one_in_the_same_file_is_a_document_of_its_own(tmp_path: Path) -> None:
    scaffold(tmp_path)

    scaffold(tmp_path / "defs.yaml", append=True)

    assert len(list(yaml.safe_load_all((tmp_path / "defs.yaml").read_text()))) == 2


def test_in_python_it_is_not_scaffolded_and_says_what_to_call(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"as YAML only\. In Python, call polar_attio_pipeline\.defs\.build\.build"):
        scaffold(tmp_path, scaffold_format="python")


@pytest.mark.parametrize(
    ("folder", "prefix"),
    [
        ("acme", "acme"),
        ("acme-corp.eu", "acme_corp_eu"),
        ("2nd", "polar_2nd"),
        ("__", "polar"),
        ("a" * 40, "a" * 30),
        ("é", "polar"),
    ],
)
def test_the_prefix_is_as_near_to_the_folder_as_dagster_allows(folder: str, prefix: str) -> None:
    assert prefix_of(folder) == prefix
