"""The version, stated here only: the build reads it here, and so does everything that shows it.

So what is shown is the version of the code that runs, also where an installation's metadata is older, as in an edited
clone.
"""

__version__ = "0.1.0"
