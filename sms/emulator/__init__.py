"""A stand-in for Twilio's REST API, for the demo and the tests. See docs/twilio-emulator.md."""

from alerts.emulator.faults import FaultRuleError
from sms.emulator.emulator import Emulator

__all__ = ["Emulator", "FaultRuleError"]
