"""What `dg scaffold defs polar_attio_pipeline.PolarAttioComponent NAME` writes."""

import re
from string import Template

import dagster as dg

_DEFS_YAML = Template("""\
# Polar's customers in Attio's People. Check it with `dg check yaml` and `dg check defs`.
type: $type_name

attributes:
  # Stands before every name and asset key: $prefix/attio_people, ${prefix}_full_reconciliation.
  prefix: $prefix
  # group: customers
  # owners: [team:growth]
  # tags:
  #   team: growth

  # The settings by the names of their environment variables in small letters. They come from here alone: the
  # environment and .env count only where a value names a variable. Each has a default, but for these three.
  settings:
    polar_access_token: "{{ env.${variables}_POLAR_ACCESS_TOKEN }}"
    attio_api_key: "{{ env.${variables}_ATTIO_API_KEY }}"
    # The ledger: a file of its own for each component, or by a variable the address of a Postgres database.
    polar_attio_database_url: "{{ context.project_root }}/.state/$prefix.db"

    # Who becomes a person in Attio: everybody, ever-paid or pays-now.
    # polar_attio_who: everybody
    # polar_attio_companies: true

    # When: all customers (cron, UTC), the minute of the hourly pass, the seconds between two looks for changes.
    # polar_attio_reconciliation_cron: "35 3 * * *"
    # polar_attio_hourly_minute: 5
    # polar_attio_sensor_seconds: 30

    # Attributes of Attio: renamed ones, and further ones from Polar's metadata.
    # attio_slug:
    #   polar_customer: is_customer
    # polar_attio_attributes:
    #   plan_tier: {from: metadata.tier}

requirements:
  env:
    - ${variables}_POLAR_ACCESS_TOKEN
    - ${variables}_ATTIO_API_KEY
""")


class PolarAttioScaffolder(dg.Scaffolder):
    """Writes a defs.yaml with comments, whose prefix and variables are named after the folder."""

    def scaffold(self, request: dg.ScaffoldRequest) -> None:
        """Write the file (Dagster's hook).

        Raises:
            ValueError: another format than YAML was asked for.
        """
        if request.scaffold_format != "yaml":
            raise ValueError(
                "PolarAttioComponent is scaffolded as YAML only. In Python, call polar_attio_pipeline.defs.build.build "
                "in a function that dg.definitions decorates."
            )
        prefix = prefix_of(request.target_path.name)
        text = _DEFS_YAML.substitute(type_name=request.type_name, prefix=prefix, variables=prefix.upper())
        if request.append:
            with request.target_path.open("a", encoding="utf-8") as file:
                file.write(f"---\n{text}")
        else:
            (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")


def prefix_of(folder: str) -> str:
    """Return a prefix that Dagster takes, as near as possible to the name of a folder."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", folder).strip("_")[:30]
    return words if words[:1].isalpha() else f"polar_{words}".rstrip("_")[:30]
