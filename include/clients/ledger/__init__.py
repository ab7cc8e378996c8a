"""Labelcycle's own records: small mutable state in a relational database of its own (SQLAlchemy, Alembic)."""

from sqlalchemy import Engine

from include.clients.ledger.alarms import AlarmTable
from include.clients.ledger.audit import AuditTable
from include.clients.ledger.batches import BatchTable
from include.clients.ledger.blind import BlindTable
from include.clients.ledger.calibrations import CalibrationTable
from include.clients.ledger.database import LedgerError, migrate, open_engine, require_current
from include.clients.ledger.funnel import Funnel
from include.clients.ledger.images import ImageTable
from include.clients.ledger.judgements import JudgementTable
from include.clients.ledger.leases import Leases, LeaseTakenError
from include.clients.ledger.looks import LookTable
from include.clients.ledger.people import PeoplesJobs
from include.clients.ledger.places import Places
from include.clients.ledger.plans import NotWaitingError
from include.clients.ledger.predictions import PredictionTable
from include.clients.ledger.refreshes import RefreshTable
from include.clients.ledger.releases import PinnedError, ReleaseTable
from include.clients.ledger.reviews import ReviewTable
from include.clients.ledger.snapshots import SnapshotTable

__all__ = [
    "LeaseTakenError",
    "Ledger",
    "LedgerError",
    "NotWaitingError",
    "PinnedError",
    "migrate",
    "open_engine",
    "require_current",
]


class Ledger:
    """All tables on one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.leases = Leases(engine)
        self.images = ImageTable(engine)
        self.looks = LookTable(engine)
        self.predictions = PredictionTable(engine)
        self.batches = BatchTable(engine)
        self.refreshes = RefreshTable(engine)
        self.people = PeoplesJobs(engine)
        self.reviews = ReviewTable(engine)
        self.blind = BlindTable(engine)
        self.calibrations = CalibrationTable(engine)
        self.judgements = JudgementTable(engine)
        self.alarms = AlarmTable(engine)
        self.snapshots = SnapshotTable(engine)
        self.funnel = Funnel(engine)
        self.places = Places(engine)
        self.releases = ReleaseTable(engine)
        self.audit = AuditTable(engine)
