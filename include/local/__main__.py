"""The one command: `python -m include.local demo`, or through make: `make demo`."""

import argparse
import sys
from pathlib import Path

from include.local.stack import ROOT

FOLDER = ROOT / ".labelcycle"


def main() -> None:
    """Run the command that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m include.local", description="The embedded stack.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="play three days on a clean state, and report")
    commands.add_parser("bucket", help="serve the bucket that the demo left, until Ctrl-C")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the state is (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.command == "demo":
        from include.local.demo import demo

        sys.exit(demo(arguments.folder.absolute()))
    from include.local.versions import serve_versions

    sys.exit(serve_versions(arguments.folder.absolute()))


if __name__ == "__main__":
    main()
