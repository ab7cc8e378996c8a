"""One client a process and account: CVAT throttles anonymous calls, and a login costs it a password hash."""

import atexit
import logging
import os
from threading import Lock

from include.clients.cvat.client import CvatClient
from include.clients.cvat.errors import ThrottledError, UnreachableError
from include.clients.cvat.records import CvatAccess
from include.clients.cvat.versions import remark

log = logging.getLogger(__name__)
_clients: dict[CvatAccess, CvatClient] = {}
_probed: set[CvatAccess] = set()
_lock = Lock()


def shared_client(access: CvatAccess) -> CvatClient:
    """The process's client for this server and account. It is closed when the process ends: leave it open.

    The server's version is asked for once; one that was not tried is warned of. Raises UnsupportedError for one that
    does not do, and CvatErrors where the server refuses the account.
    """
    with _lock:
        client = _clients.get(access)
        if client is None:
            client = _clients[access] = CvatClient(access)
        if access not in _probed:
            _probe(access, client)
        return client


def close_shared_clients() -> None:
    """Close all of them, and forget what was asked."""
    with _lock:
        for client in _clients.values():
            client.close()
        _forget()


def _probe(access: CvatAccess, client: CvatClient) -> None:
    try:
        version = client.version()
    except (UnreachableError, ThrottledError) as error:
        log.warning("the version of CVAT at %s is not known yet: %s", client.url, error)
        return  # the call that the client is wanted for says it, or has better luck
    if said := remark(version, client.url):
        log.warning("CVAT %s at %s: %s", version, client.url, said)
    _probed.add(access)


def _forget() -> None:
    _clients.clear()
    _probed.clear()


def _after_fork() -> None:
    """A child's calls must not go over its parent's connections."""
    global _lock
    _lock = Lock()
    _forget()


atexit.register(close_shared_clients)
os.register_at_fork(after_in_child=_after_fork)
