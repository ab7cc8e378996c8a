"""The demo's dataset versions, after it has ended: its bucket, served until Ctrl-C."""

import signal
import sys
from pathlib import Path

from include.local.bucket import serve_bucket
from include.local.state import State


def serve_versions(folder: Path) -> int:
    """Serve the bucket in a stack's folder, and print how to get a version from it."""
    if not (folder / "bucket").is_dir():
        print(f"there is no bucket in {folder}: run make demo first", file=sys.stderr)
        return 1
    with serve_bucket(State(folder)) as bucket:
        print("# The bucket is served until Ctrl-C. In another shell:")
        for name, value in bucket.environment.items():
            print(f"export {name}={value}")
        dvc = Path(sys.executable).parent / "dvc"
        print(f"{dvc} get {folder / 'datasets.git'} street_signs --rev street_signs-v1.0.0 --out v1.0.0", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0
