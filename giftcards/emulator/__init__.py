"""A stand-in for Tillo's API, for the demo and the tests. See docs/tillo-emulator.md."""

from alerts.emulator.faults import FaultRuleError
from giftcards.emulator.emulator import Emulator
from giftcards.emulator.sales import JournalEntry, Sale

__all__ = ["Emulator", "FaultRuleError", "JournalEntry", "Sale"]
