"""Twilio's REST API and a mail server for the demo and the tests: docs/twilio-emulator.md."""

from alerts.emulator.faults import FaultRuleError
from sms.emulator.emulator import Emulator

__all__ = ["Emulator", "FaultRuleError"]
