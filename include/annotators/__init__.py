"""Floor 2: models behind cvat-sdk's DetectionFunction protocol, and the driver that runs them."""
