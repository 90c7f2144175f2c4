-- Run once, when the volume of Postgres is new. The database "dagster" is made by the image.
CREATE DATABASE ledger;
