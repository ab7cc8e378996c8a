"""Annotations from a file: CVAT puts them in place of all that a task or job has."""

from collections.abc import Mapping
from urllib.parse import urlencode

from include.clients.cvat.errors import ConflictError
from include.clients.cvat.exports import Target, check_format, formats
from include.clients.cvat.records import Submitted
from include.clients.cvat.uploads import UploadFile, send_in_pieces
from include.clients.cvat.wire import Wire


class ImportRunning(ConflictError):
    """Another import into the same task or job is under way: CVAT does one at a time."""

    def __init__(self, target: Target, url: str) -> None:
        super().__init__(f"another import into {target} is under way in CVAT at {url}")
        self.request_id = f"action=import&target={target.kind}&target_id={target.id}&subresource=annotations"


class Imports:
    """Imports into one server. An import replaces annotations, so that one that is repeated has the effect of one."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def check_format(self, name: str) -> None:
        """Raises UnknownFormat where the server does not read this format."""
        check_format(name, formats(self._wire).importers, f"CVAT at {self._wire.url} imports no format")

    def send(self, target: Target, form: str, file: UploadFile) -> str:
        """Send a file for a task or job; what CVAT calls it.

        Raises CvatErrors, after which it may be sent again. What the file's `open` and `read` raise comes through.
        """
        return send_archive(self._wire, _path(target), file, {"format": form})

    def start(self, target: Target, form: str, upload_id: str) -> str:
        """Ask for the import of a file that was sent; the request's id. Raises ImportRunning."""
        try:
            return start_upload(self._wire, _path(target), upload_id, {"format": form})
        except ConflictError as error:
            raise ImportRunning(target, self._wire.url) from error


def send_archive(wire: Wire, path: str, file: UploadFile, query: Mapping[str, str]) -> str:
    """Send a file in pieces, and say what CVAT calls it."""
    wire.upload("POST", f"{path}?{urlencode({**query, 'filename': file.name})}", {"Upload-Start": ""})
    return send_in_pieces(wire, path, file)


def start_upload(wire: Wire, path: str, upload_id: str, query: Mapping[str, str]) -> str:
    """Ask CVAT to work on a file that was sent; the request's id."""
    sent = {**query, "filename": upload_id}
    return wire.call("POST", path, Submitted, query=sent, headers={"Upload-Finish": ""}).rq_id


def _path(target: Target) -> str:
    return f"{target.path}/annotations/"
