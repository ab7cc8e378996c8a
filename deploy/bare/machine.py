"""A machine inside the machine: namespaces of its own, and a file system laid out as the image is.

So host names, ports and paths are those of the compose file, nothing outside can be reached or disturbed, and no
process outlives the first one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.compose import ROOT, Mount
from deploy.image import copies, workdir

USER = 50000  # the Dockerfile's
HOSTNAME = "labelcycle"
_HOME = "/home/labelcycle"
_SYSTEM = ("bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr")
_UNSHARE = ("unshare", "--net", "--pid", "--mount", "--uts", "--fork", "--kill-child", "--mount-proc")


class MachineFailed(Exception):
    """The machine cannot be made here; the sentence says why."""


def enter(arguments: Sequence[str]) -> None:
    """Become `python` with these arguments in namespaces of its own, as the first process there, with a clean
    environment. It does not return. Raises MachineFailed where that needs more rights or programs."""
    if os.geteuid() != 0:
        raise MachineFailed("namespaces, and other users in them, need root: run it as root, on a machine for trials")
    if missing := [name for name in ("unshare", "chroot", "ip", "mount") if not shutil.which(name)]:
        raise MachineFailed(f"{', '.join(missing)} is missing: apt-get install util-linux coreutils iproute2 mount")
    environment = {"PATH": f"{Path(sys.prefix).resolve() / 'bin'}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    environment |= {"LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    os.execvpe(_UNSHARE[0], [*_UNSHARE, sys.executable, *arguments], environment)


@dataclass(frozen=True, slots=True)
class Machine:
    """The file system at `root`; `volumes` is the folder that keeps what is in named volumes."""

    root: Path
    volumes: Path

    def command(self, command: Sequence[str]) -> list[str]:
        """How a command runs inside, as the image's user, in the image's folder."""
        user = f"--userspec={USER}:{USER}"
        return ["chroot", user, "--groups=", str(self.root), "env", f"--chdir={workdir()}", *command]

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """A service's environment, with what Docker adds to it."""
        return {"HOME": _HOME, "HOSTNAME": HOSTNAME, "PYTHONUNBUFFERED": "1", "PYTHONPATH": "", **given}

    def run(self, command: Sequence[str], environment: Mapping[str, str], seconds: float) -> str:
        """What a command writes. Raises MachineFailed, with that, if it fails or takes longer than `seconds`."""
        try:
            done = subprocess.run(
                self.command(command),
                env={**os.environ, **self.environment(environment)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=seconds,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise MachineFailed(f"{command[0]} was still running after {seconds:g} s") from None
        if done.returncode:
            raise MachineFailed(f"{' '.join(command)} ended with code {done.returncode}: {done.stdout}")
        return done.stdout


def build(folder: Path, hosts: Iterable[str], mounts: Iterable[Mount]) -> Machine:
    """Lay out the machine in a folder; to be called inside the namespaces (see `enter`)."""
    machine = Machine(folder / "root", folder / "volumes")
    machine.root.mkdir(parents=True)
    _do("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(machine.root))
    _system(machine.root)
    _programs(machine.root)
    _network(machine.root, hosts)
    for copy in copies():
        _bind(ROOT / copy.source, machine.root / copy.target.relative_to("/"))
    for place in ("opt/airflow", "opt/datasets", _HOME[1:]):
        _owned(machine.root / place)
    for mount in set(mounts):
        _bind(_source(machine, mount), machine.root / mount.target[1:])
    return machine


def _system(root: Path) -> None:
    """The host's programs, a copy of its settings, and a user; all else is empty."""
    for name in _SYSTEM:
        host = Path("/", name)
        if host.is_symlink():
            (root / name).symlink_to(host.readlink())
        elif host.is_dir():
            _bind(host, root / name)
    shutil.copytree("/etc", root / "etc", symlinks=True, ignore_dangling_symlinks=True)
    with (root / "etc/passwd").open("a") as users:
        users.write(f"labelcycle:x:{USER}:{USER}::{_HOME}:/bin/sh\n")
    for name in ("dev", "proc", "run", "tmp", "var/tmp"):
        (root / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    _do("mount", "-t", "proc", "proc", str(root / "proc"))
    _do("mount", "--rbind", "/dev", str(root / "dev"))


def _programs(root: Path) -> None:
    """The virtual environment and its interpreter, under their own paths, because they are written down in them."""
    for prefix in {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}:
        if not prefix.is_relative_to("/usr"):
            _bind(prefix, root / prefix.relative_to("/"))


def _network(root: Path, hosts: Iterable[str]) -> None:
    """A loopback on which every service has its name, for the services and for ourselves."""
    _do("ip", "link", "set", "lo", "up")
    _do("hostname", HOSTNAME)
    names = ("localhost", HOSTNAME, *hosts)
    (root / "etc/hosts").write_text("".join(f"127.0.0.1 {name}\n" for name in names))
    _do("mount", "--bind", str(root / "etc/hosts"), "/etc/hosts")


def _source(machine: Machine, mount: Mount) -> Path:
    if mount.source.startswith((".", "/")):
        return ROOT / mount.source
    return _owned(machine.volumes / mount.source)


def _owned(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, USER, USER)
    return folder


def _bind(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    _do("mount", "--rbind", str(source), str(target))


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineFailed(f"{' '.join(command)} failed: {done.stderr.strip()}")
