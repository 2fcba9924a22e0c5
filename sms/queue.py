"""The doorbell, which hangs a floor below: Note [Bell] in ``alerts/queue.py``."""

from alerts.queue import BELL, REST_AFTER_FAILURE_SECONDS, Bell, ring_bell

__all__ = ["BELL", "REST_AFTER_FAILURE_SECONDS", "Bell", "ring_bell"]
