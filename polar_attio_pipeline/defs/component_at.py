"""Loads one component of a Dagster project, for programs that are no part of it."""

from pathlib import Path

import dagster as dg

from polar_attio_pipeline.defs.component import PolarAttioComponent


class ComponentUnusableError(Exception):
    """There is no usable component; the text says what is wrong."""


def component_at(folder: Path) -> PolarAttioComponent:
    """Return the component whose defs.yaml is in a folder, as its project loads it.

    Raises:
        ComponentUnusableError: the project or the component cannot be loaded.
    """
    place = folder.absolute()
    if not place.is_dir():
        raise ComponentUnusableError(f"There is no folder {place}: name the one with the component's defs.yaml.")
    try:
        component = dg.ComponentTree.for_project(place).load_component(place)
    except Exception as error:  # the project's own modules are imported: whatever they raise
        reason = error.__cause__ or error
        raise ComponentUnusableError(f"The component in {place} cannot be loaded: {reason}") from error
    if not isinstance(component, PolarAttioComponent):
        raise ComponentUnusableError(
            f"{place} holds no PolarAttioComponent: name the folder with its defs.yaml, which holds no other component."
        )
    return component
