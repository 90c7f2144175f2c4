"""The tokens that a fresh sandbox accepts: public, of the length and the alphabet of real ones."""

POLAR_TOKEN = "polar_oat_sandbox0only0not0a0secret0polar0aaaaaaaaaaa"
"""`polar_oat_` and 43 characters: 37 of the token, 6 of its checksum."""

OTHER_POLAR_TOKEN = "polar_oat_sandbox0of0another0organization0aaaaaaaaaaa"
"""A token of the organization that `PolarWorld.add_organization` makes; unknown until then."""

ATTIO_TOKEN = "5a11db0ca7710000000000000000000000000000000000000000000000000001"
"""64 hexadecimal characters."""
