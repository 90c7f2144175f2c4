"""How the schema came to be what it is: one migration a version, by alembic."""
