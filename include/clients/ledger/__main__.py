"""`python -m include.clients.ledger upgrade`: bring the ledger's database to this release's tables."""

import argparse
import os
import sys

from include.clients.ledger import LedgerError, migrate, open_engine, require_current


def main() -> None:
    """Read the database's URL from LABELCYCLE_LEDGER_URL: it may hold a password, which has no place in argv."""
    parser = argparse.ArgumentParser(prog="python -m include.clients.ledger", description=main.__doc__)
    parser.add_argument("command", choices=["upgrade", "check"])
    command = parser.parse_args().command
    url = os.environ.get("LABELCYCLE_LEDGER_URL")
    if not url:
        sys.exit(
            "set LABELCYCLE_LEDGER_URL to the ledger's database, as in postgresql+psycopg2://user:password@host/db"
        )
    try:
        _run(command, url)
    except LedgerError as error:
        sys.exit(str(error))


def _run(command: str, url: str) -> None:
    engine = open_engine(url)
    try:
        if command == "upgrade":
            migrate(engine)
        require_current(engine)
    finally:
        engine.dispose()


if __name__ == "__main__":
    main()
