"""`python -m polar_attio_pipeline.sandbox`."""

from polar_attio_pipeline.sandbox.server import main

if __name__ == "__main__":
    main()
