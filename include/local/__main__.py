"""The commands of the embedded stack: `python -m include.local demo` and its like, or through make: `make demo`.

What a command needs is imported only when it runs: Airflow, the detector and CVAT's client take their time.
"""

import argparse
import sys
from pathlib import Path

from include.local.stack import ROOT

FOLDER = ROOT / ".labelcycle"
COMMANDS = {
    "demo": "play three days on a clean state, and report",
    "bucket": "serve the bucket that the demo left, until Ctrl-C",
    "up": "run the stack with its UIs, until Ctrl-C",
    "day": "put the next day's photographs into the running stack's bucket, and ask for an ingest run",
    "review": "let the reviewer complete what waits in the running stack's CVAT",
    "screenshots": "take pictures of the running stack's graphs, into docs/images",
}


def main() -> None:
    """Run the command that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m include.local", description="The embedded stack.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_text in COMMANDS.items():
        commands.add_parser(name, help=help_text)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the state is (default: %(default)s)")
    arguments = parser.parse_args()
    sys.exit(_run(arguments.command, arguments.folder.absolute()))


def _run(command: str, folder: Path) -> int:
    if command == "demo":
        from include.local.demo import demo

        return demo(folder)
    if command == "bucket":
        from include.local.versions import serve_versions

        return serve_versions(folder)
    if command == "up":
        from include.local.up import up

        return up(folder)
    return _ask_running(command, folder)


def _ask_running(command: str, folder: Path) -> int:
    """A command to the stack that runs in another terminal."""
    from include.local.browser import NoPicture
    from include.local.rest import AirflowRefused
    from include.local.running import NotRunning, next_day, work_through
    from include.local.screenshots import take_screenshots

    asked = {"day": next_day, "review": work_through, "screenshots": take_screenshots}[command]
    try:
        asked(folder)
    except (NotRunning, AirflowRefused, NoPicture) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    main()
