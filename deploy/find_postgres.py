"""Print the address of a PostgreSQL that answers and lets us make databases; exit 1 if there is none."""

import sys

import psycopg

CANDIDATES = [
    "postgres://postgres@127.0.0.1:5432/county_learning",
    "postgres://postgres:postgres@127.0.0.1:5432/county_learning",
]

wanted = [sys.argv[1]] if len(sys.argv) > 1 and sys.argv[1] else CANDIDATES
for url in wanted:
    base, _, _ = url.rpartition("/")
    try:
        with psycopg.connect(f"{base}/postgres", connect_timeout=3) as connection:
            may = connection.execute("select rolcreatedb or rolsuper from pg_roles where rolname = current_user").fetchone()
    except psycopg.Error as error:
        print(f"{base}: {error}".strip(), file=sys.stderr)
        continue
    if may and may[0]:
        print(url)
        sys.exit(0)
sys.exit(1)
