"""The database backend of PostgreSQL: see base.py."""
