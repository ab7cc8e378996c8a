"""`python -m deploy.bare`: try docker-compose.yaml on one Debian machine, without Docker.

It starts the file's services in the file's order, plays the demo's first day on them, and stops them.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from deploy.bare.machine import MachineFailed, build, enter
from deploy.compose import ROOT, read_compose

FOLDER = ROOT / ".labelcycle/production"
_NEEDED = {"redis-server": "redis-server", "psql": "postgresql", "curl": "curl", "git": "git"}


def main() -> None:
    """Make a machine of namespaces, and play the day in it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.bare", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for logs and data; begun anew (%(default)s)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        for number in (signal.SIGINT, signal.SIGTERM):  # an exit like any other: it stops what runs
            signal.signal(number, lambda received, _: sys.exit(128 + received))
        sys.exit(trial(arguments.folder))
    if missing := {package for program, package in _NEEDED.items() if not shutil.which(program)}:
        sys.exit(f"this needs Debian's packages: apt-get install {' '.join(sorted(missing))}")
    if arguments.folder.exists():
        shutil.rmtree(arguments.folder)
    try:
        enter(["-m", "deploy.bare", "--inside", "--folder", str(arguments.folder.absolute())])
    except MachineFailed as error:
        sys.exit(str(error))


def trial(folder: Path) -> int:
    """Start everything, play, stop everything; the exit code is 0 if all was as it should be."""
    from deploy.bare.airflow import RunFailed
    from deploy.bare.day import NotAsItShouldBe, Site, play, timed
    from deploy.bare.services import mounts_of, serve, serve_cvat
    from include.local.processes import ServerFailed

    begun, logs = time.monotonic(), folder / "logs"
    logs.mkdir(parents=True)
    variables = variables_of_the_trial()
    services = read_compose(variables)
    sys.stdout.write(f"SeaweedFS is played by rclone, CVAT by the emulator. Logs are in {logs}.\n")
    try:
        machine = build(folder, [*services, "cvat"], mounts_of(services.values()))
        with ExitStack() as stack:
            with timed("cvat (the emulator)"):
                stack.enter_context(serve_cvat(machine, variables["CVAT_TOKEN"], logs))
            for service in services.values():
                with timed(service.name):
                    stack.enter_context(serve(service, machine, logs))
            play(Site(machine, variables, folder))
            stopping = time.monotonic()
    except (MachineFailed, ServerFailed, RunFailed, NotAsItShouldBe) as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    sys.stdout.write(f"{'all services have stopped':<40}{time.monotonic() - stopping:6.1f} s\n")
    if left := processes():
        sys.stderr.write(f"processes were left: {left}\n")
        return 1
    sys.stdout.write(f"{'in all':<40}{time.monotonic() - begun:6.1f} s\n")
    return 0


def variables_of_the_trial() -> dict[str, str]:
    """The example env file with fresh secrets, our CVAT and the demo's project."""
    from deploy.bare.day import CVAT
    from deploy.environment import EXAMPLE, read_variables, with_secrets

    filled = read_variables(with_secrets(EXAMPLE.read_text(encoding="utf-8")))
    theirs = {"CVAT_URL": CVAT, "CVAT_USERNAME": "admin", "CVAT_TOKEN": filled["ADMIN_PASSWORD"]}
    return filled | theirs | {"PROJECTS_FOLDER": "./include/local/projects"}


def processes() -> list[str]:
    """The commands that run beside us; in these namespaces there should be none."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            if command:  # what has ended and waits to be forgotten has none
                found.append(command)
    return found


if __name__ == "__main__":
    main()
