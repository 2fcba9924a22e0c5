"""A stand-in for what a till needs of Stripe's API, for trying and testing: docs/loyalty.md."""

from alerts.emulator.faults import FaultRuleError
from loyalty.emulator.emulator import Emulator

__all__ = ["Emulator", "FaultRuleError"]
