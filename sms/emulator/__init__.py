"""A stand-in for Twilio's REST API, for the demo and the tests. See docs/twilio-emulator.md."""

from sms.emulator.emulator import Emulator
from sms.emulator.faults import FaultRuleError

__all__ = ["Emulator", "FaultRuleError"]
