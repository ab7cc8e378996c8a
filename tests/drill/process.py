"""A process of ours that can die at any moment, and what others do meanwhile."""

import logging
import threading
from collections.abc import Callable

from sqlalchemy import event

from include.clients.cvat import CvatClient
from include.clients.cvat.shared import close_shared_clients
from include.clients.ledger import Ledger, open_engine
from tests.drill.proxy import Proxy
from tests.include.steps.world import Killed, World

_answers = logging.getLogger("urllib3.connectionpool")


class Process(logging.Handler):
    """A process with its own connections. At one of its moments it may die, at one somebody may act in CVAT.

    Moments are before each statement to the ledger, after each transaction and after each answer that was received:
    between two of them at most one thing is done that others can see. The dead do nothing more: what they would tidy
    up on their way out, does not reach ledger or CVAT.
    """

    def __init__(
        self, world: World, proxy: Proxy, visit: Callable[[], object], dies_at: int = 0, visited_at: int = 0
    ) -> None:
        super().__init__(logging.DEBUG)
        self._world, self._proxy, self._visit = world, proxy, visit
        self._dies_at, self._visited_at = dies_at, visited_at
        self._moments, self._dead = 0, False
        self._outside = world.ledger
        self._thread = threading.get_ident()

    def __enter__(self) -> None:
        self._outside = self._world.ledger
        engine = open_engine(self._outside.engine.url.render_as_string(hide_password=False))
        event.listen(engine, "before_cursor_execute", self._moment)
        event.listen(engine, "checkin", self._moment)
        self._world.ledger = Ledger(engine)
        self._world.cvat = CvatClient(self._world.cvat_access)
        _answers.setLevel(logging.DEBUG)
        _answers.addHandler(self)

    def __exit__(self, *_: object) -> None:
        _answers.removeHandler(self)
        _answers.setLevel(logging.NOTSET)
        engine, self._world.ledger = self._world.ledger.engine, self._outside
        event.remove(engine, "before_cursor_execute", self._moment)
        event.remove(engine, "checkin", self._moment)
        engine.dispose()
        self._world.cvat.close()
        close_shared_clients()
        self._proxy.cut_off = False

    def emit(self, record: logging.LogRecord) -> None:
        """urllib3 tells of each answer, with its status."""
        if isinstance(record.args, tuple) and len(record.args) == 8:
            self._moment()

    def _moment(self, *_: object) -> None:
        if self._dead:
            raise Killed
        if threading.get_ident() != self._thread:
            return
        self._moments += 1
        if self._moments == self._visited_at:
            self._visit()
        if self._moments == self._dies_at:
            self._dead = self._proxy.cut_off = True
            raise Killed
