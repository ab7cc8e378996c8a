"""A temporary git and DVC repository, and the commands in it.

The HOME and the git configuration of the user stay in force, because the access to the git server is in them (an ssh
key, a credential helper, a proxy), save the settings that would change what is written or run other programs: hooks,
signatures, ignore rules. DVC's own settings and folders are kept inside the temporary folder.
"""

import os
import shlex
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

from include.clients.versions.commands import CommandError, run
from include.clients.versions.errors import VersionsError, error_of
from include.clients.versions.remote import DataRemote

_REMOTE = "storage"  # the name of the DVC remote in a repository that we initialise
_GIT_ACCESS = ("GIT_SSH", "GIT_SSL", "GIT_HTTP", "GIT_PROXY", "GIT_ASKPASS", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM")
_GIT_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.excludesFile": os.devnull,
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "tag.forceSignAnnotated": "false",
    "push.gpgSign": "false",
    "push.followTags": "false",
}
# No second copy of large data: DVC's cache and the folder share their files where the file system can.
_DVC_SETTINGS = "[core]\n    check_update = false\n[cache]\n    type = reflink,hardlink,copy\n"


@dataclass(frozen=True, slots=True)
class Clone:
    """The repository in `temporary`, a folder that its owner deletes. Every command raises VersionsError."""

    temporary: Path
    branch: str
    author_name: str
    author_email: str
    data: DataRemote
    seconds: float

    @property
    def folder(self) -> Path:
        return self.temporary / "clone"

    def start(self) -> None:
        """Make the empty repository."""
        self.folder.mkdir()
        settings = self._dvc_home / "config"
        settings.parent.mkdir()
        settings.write_text(_DVC_SETTINGS)
        self.git("init", "--quiet", "--template=", f"--initial-branch={self.branch}")

    def fetch(self, url: str, ref: str) -> None:
        """Bring the newest commit of one reference, or pattern of references, without its history."""
        self.git("fetch", "--quiet", "--depth=1", "--no-tags", "--", url, ref)

    def prepare(self) -> None:
        """Make it a DVC repository if it is none, and see that it keeps its data where we think it does."""
        config = self.folder / ".dvc" / "config"
        if not config.exists():
            self.dvc("init")
            config.write_text(f"[core]\n    remote = {_REMOTE}\n['remote \"{_REMOTE}\"']\n    url = {self.data.url}\n")
            self.commit("Keep datasets with DVC")
        if (found := _default_remote(config)) != self.data.url:
            raise VersionsError(
                f"The repository's .dvc/config keeps the data in {found}, but the project says {self.data.url}. "
                "Correct one of them; to move a dataset, copy its objects first"
            )

    def push_data(self, path: str) -> None:
        """Bring the files under `path` into DVC's remote, and see that they are there."""
        self.dvc("add", path)
        self.dvc("push", f"{path}.dvc")
        self.data.check_pushed(self.folder / ".dvc" / "cache")

    def commit(self, message: str) -> None:
        """Commit all files that are not ignored. The same data may be released again, so nothing need be changed."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--cleanup=whitespace", f"--message={message}")

    def git(self, *arguments: str) -> bytes:
        return self._run(("git", *arguments), self._git_environment(os.environ))

    def dvc(self, *arguments: str) -> bytes:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
        for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR"):
            environment[name] = str(self._dvc_home)
        environment |= {"DVC_NO_ANALYTICS": "1"}
        environment = self.data.environment(self._git_environment(environment))
        return self._run((sys.executable, "-m", "dvc", *arguments), environment)

    @property
    def _dvc_home(self) -> Path:
        return self.temporary / "dvc"

    def _git_environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """`inherited` for a git that asks nobody, works on no other repository, and writes what we tell it."""
        environment = {
            name: value
            for name, value in inherited.items()
            if not name.startswith("GIT_") or name.startswith(_GIT_ACCESS)
        }
        for role in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{role}_NAME"] = self.author_name
            environment[f"GIT_{role}_EMAIL"] = self.author_email
        for index, (key, value) in enumerate(_GIT_SETTINGS.items()):
            environment |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
        environment["GIT_CONFIG_COUNT"] = str(len(_GIT_SETTINGS))
        return environment | {"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C.UTF-8"}

    def _run(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> bytes:
        try:
            return run(arguments, self.folder, environment, self.seconds)
        except CommandError as error:
            command = shlex.join(arguments).replace(f"{sys.executable} -m ", "")
            problem = self.data.masked(f"`{command}` failed: {_last_lines(error.output)}")
            raise error_of(problem) from None


def _default_remote(config: Path) -> str | None:
    """The URL of the default remote in a DVC repository's settings."""
    settings = ConfigParser(interpolation=None)
    settings.read_string(config.read_text())
    name = settings.get("core", "remote", fallback=None)
    return settings.get(f"'remote \"{name}\"'", "url", fallback=None)


def _last_lines(output: str) -> str:
    lines = [line.strip().rstrip(".") for line in output.splitlines()]
    return " / ".join([line for line in lines if line and "dvc.org/support" not in line][-5:]) or "it wrote nothing"
