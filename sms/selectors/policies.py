"""The operators' table of errors."""

from sms.models import ErrorPolicy
from sms.policies import POLICIES, Policy, Reaction


def load_policies() -> dict[str, Policy]:
    """Return what each error code means; an operator's row goes before what we ship."""
    rows = ErrorPolicy.objects.values_list("code", "reaction", "uses_attempt", "stops_channel")
    return dict(POLICIES) | {
        code: Policy(Reaction(reaction), uses_attempt, stops_channel)
        for code, reaction, uses_attempt, stops_channel in rows
    }
