"""What is true of campaigns, people and rewards, and of what joins them to cards, texts and money:
Note [Invariant].
"""

from typing import Final

from redemption.selectors.invariants.counters import COUNTERS
from redemption.selectors.invariants.money import MONEY
from redemption.selectors.invariants.rewards import REWARDS
from redemption.selectors.invariants.secrets import SECRETS
from redemption.selectors.invariants.tenants import TENANTS
from redemption.selectors.invariants.waiting import WAITING

INVARIANTS: Final = (*REWARDS, *MONEY, *WAITING, *TENANTS, *COUNTERS, *SECRETS)
