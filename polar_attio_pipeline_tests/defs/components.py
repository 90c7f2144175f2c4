"""A component in a project of its own, loaded as Dagster loads it."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent

import dagster as dg
import pytest
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.testing import create_defs_folder_sandbox

from polar_attio_pipeline.defs.component import PolarAttioComponent

OF_DAGSTER = [
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::dagster.BetaWarning"),
]
"""Marks that allow what is said of Dagster's own code (1.13.27) when it reads a defs.yaml."""

TYPE = "polar_attio_pipeline.PolarAttioComponent"
LEDGER = "polar_attio_database_url: '{{ context.project_root }}/acme.db'"


def defs_yaml(settings: str = "", attributes: str = "", *, ledger: str = LEDGER) -> str:
    """The text of a defs.yaml; settings begin in line 4, after the one of the ledger."""
    block = indent("\n".join(filter(None, [ledger, settings])), "    ")
    return f"type: {TYPE}\nattributes:\n  settings:\n{block}\n{indent(attributes, '  ')}\n"


@contextmanager
def loaded(text: str) -> Iterator[tuple[PolarAttioComponent, dg.Definitions]]:
    """Yield the component of a defs.yaml, and what it builds."""
    with create_defs_folder_sandbox() as project:
        folder = project.defs_folder_path / "acme"
        folder.mkdir()
        (folder / "defs.yaml").write_text(text)
        with project.load_component_and_build_defs(folder) as (component, defs):
            assert isinstance(component, PolarAttioComponent)
            yield component, defs


def refusal(text: str) -> str:
    """What is said of a defs.yaml that does not do: the error and all that it came from, as Dagster shows it."""
    with pytest.raises(ComponentTreeException) as refused, loaded(text):
        pass
    return "".join(traceback.format_exception(refused.value))


def project_files(folder: Path, text: str) -> Path:
    """Make a project that can be imported, `host`, with a component `acme`; return the folder of the component."""
    component = folder / "src" / "host" / "defs" / "acme"
    component.mkdir(parents=True)
    for package in (component.parent.parent, component.parent):
        (package / "__init__.py").write_text("")
    (component / "defs.yaml").write_text(text)
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "host"\n[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "host"\n'
    )
    return component
