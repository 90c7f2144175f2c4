"""Which part of the suite runs: the quick one, or with POSTGRES_SUITE=whole all of it, which takes minutes."""

import os

import pytest

whole = pytest.mark.skipif(
    os.environ.get("POSTGRES_SUITE") != "whole", reason="it takes minutes: POSTGRES_SUITE=whole runs it too"
)
