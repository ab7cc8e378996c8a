"""`python -m labelcycle.check FOLDER`: are these project files right; with `--live`, also the systems that they name.

A line a check, and exit code 1 if one of them failed. Without `--live` neither Airflow nor a network is needed.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from include.projects.files import ProjectError, project_paths, read_project


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, in a sentence."""

    name: str
    sentence: str
    ok: bool

    def __str__(self) -> str:
        return f"{'✓' if self.ok else '✗'} {self.name}: {self.sentence}"


def main() -> int:
    """Print the findings as they come and then a summary; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m labelcycle.check", description="Check project files.")
    parser.add_argument("folder", type=Path, help="the folder with the project files")
    parser.add_argument(
        "--live",
        action="store_true",
        help="also ask the live systems, by Airflow's connections; puts objects of a few bytes and deletes them again",
    )
    arguments = parser.parse_args()
    findings: list[Finding] = []
    for finding in check_folder(arguments.folder, live=arguments.live):
        sys.stdout.write(f"{finding}\n")
        sys.stdout.flush()
        findings.append(finding)
    failed = sum(not finding.ok for finding in findings)
    sys.stdout.write(f"{len(findings)} checks, {failed} failed\n")
    return 1 if failed else 0


def check_folder(folder: Path, *, live: bool = False) -> Iterator[Finding]:
    """The findings about every project file of a folder, one after the other."""
    try:
        paths = project_paths(folder)
    except ProjectError as error:
        yield from _problems(error)
        return
    if not paths:
        yield Finding(str(folder), "it holds no project file: copy example.yaml into it and change it", ok=False)
    for path in paths:
        yield from _check_file(path, live=live)


def _check_file(path: Path, *, live: bool) -> Iterator[Finding]:
    try:
        project = read_project(path)
    except ProjectError as error:
        yield from _problems(error)
        return
    yield Finding(str(path), "it is right" if project.active else "it is right, and not active", ok=True)
    if live and project.active:
        # As Airflow's own commands do: connections may also be in its database.
        os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
        from labelcycle.live import ask

        yield from (Finding(f"{project.name}: {name}", sentence, ok) for name, sentence, ok in ask(str(path)))


def _problems(error: ProjectError) -> Iterator[Finding]:
    yield from (Finding(str(error.path), problem, ok=False) for problem in error.problems)


if __name__ == "__main__":
    sys.exit(main())
