"""Archiving the attributes that `polar-attio setup` has created: they vanish from Attio's pages, with their values.

Attio deletes no attribute; an archived one keeps its values, and `polar-attio setup` restores it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from polar_attio_pipeline.attio.attributes import Workspace
from polar_attio_pipeline.attio.errors import SERVICE, ConfigurationError, message_of
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import RecordError


@dataclass(frozen=True, slots=True)
class Archived:
    """One attribute of an object, after the attempt.

    Attributes:
        object_slug: Attio's slug of the object.
        slug: Of the attribute.
        problem: Why it is not archived, and what to do; None where it is.
    """

    object_slug: str
    slug: str
    problem: str | None = None


def archivable(workspace: Workspace) -> list[str]:
    """Return the slugs of the attributes that the set-up has created and that are not archived, required ones last.

    Those that a setting maps are not among them, nor one with another title than the set-up gives: it may have been
    there before.

    Args:
        workspace: As it was discovered.
    """
    declared = [one for one in workspace.attio_object.attributes if not one.standard and not one.declared_in]
    found = []
    for attribute in sorted(declared, key=lambda one: one.required):
        definition = workspace.definitions.get(workspace.slugs[attribute.key])
        if definition and not definition.is_archived and definition.title == attribute.title:
            found.append(definition.api_slug)
    return found


def check_may_archive(workspace: Workspace) -> None:
    """Insist that the key may archive attributes.

    Raises:
        ConfigurationError: it may not.
    """
    if not workspace.info.grants("object_configuration:read-write"):
        raise ConfigurationError(
            "ATTIO_API_KEY lacks the scope object_configuration:read-write, which archiving attributes needs: add it "
            "under Workspace settings, Developers, or archive them by hand. Nothing was written.",
            service=SERVICE,
            request=f"PATCH {workspace.attio_object.attributes_path}",
        )


async def archive(api: ApiClient, workspace: Workspace, slugs: Sequence[str]) -> list[Archived]:
    """Archive attributes of an object, by `PATCH` with `is_archived` (Attio's API specification, 2026-02).

    One that Attio refuses costs itself only. Repeating it does no harm.

    Raises:
        ApiError: Attio could not be asked.
    """
    path, object_slug = workspace.attio_object.attributes_path, workspace.attio_object.slug
    done = []
    for slug in slugs:
        try:
            await api.request("PATCH", f"{path}/{slug}", limiter="writes", json={"data": {"is_archived": True}})
        except RecordError as error:
            problem = f"not archived, Attio refused it: {message_of(error)} Archive it by hand."
            done.append(Archived(object_slug, slug, problem))
        else:
            done.append(Archived(object_slug, slug))
    return done
