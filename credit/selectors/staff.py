"""Who works for the platform itself."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q

from credit.models import Membership, User


def is_platform_admin(user: User | AnonymousUser) -> bool:
    """Tell whether somebody may administer the whole platform, all tenants included."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return (
        user.is_superuser
        or Membership.objects.filter(
            Q(agency=None, client=None), user=user, role=Membership.Role.PLATFORM_ADMIN
        ).exists()
    )


def may_reveal_cards(user: User | AnonymousUser) -> bool:
    """Tell whether somebody may see the codes of cards: a right beside the platform's role.

    A superuser has it, as every other.
    """
    return is_platform_admin(user) and user.has_perm("credit.reveal_card")


def may_reverse_orders(user: User | AnonymousUser) -> bool:
    """Tell whether somebody may take a purchase back at a provider: a right beside the role.

    A superuser has it, as every other.
    """
    return is_platform_admin(user) and user.has_perm("credit.reverse_order")


def may_skip_opt_ins(user: User | AnonymousUser) -> bool:
    """Tell whether somebody may answer for a caller that texts are welcome: a right beside the
    role, of which another rule says for whose callers.
    """
    return isinstance(user, User) and user.is_active and user.has_perm("credit.skip_opt_in")


def may_export_codes(user: User | AnonymousUser) -> bool:
    """Tell whether somebody may take redemption codes out in plain: each is worth a card."""
    return is_platform_admin(user) and user.has_perm("credit.export_codes")


def may_export_people(user: User | AnonymousUser) -> bool:
    """Tell whether somebody may hand out all that is kept about a person."""
    return is_platform_admin(user) and user.has_perm("credit.export_person")


def may_erase_people(user: User | AnonymousUser) -> bool:
    """Tell whether somebody may erase a person's data, which nobody can undo."""
    return is_platform_admin(user) and user.has_perm("credit.erase_person")


def may_adjust_points(user: User | AnonymousUser) -> bool:
    """Tell whether somebody may add points to a customer or take some: a manager's right.

    A superuser has it, as every other.
    """
    return is_platform_admin(user) and user.has_perm("credit.adjust_points")


def may_replace_cards(user: User | AnonymousUser) -> bool:
    """Tell whether somebody may give out a second card for a first: a supervisor's right.

    A superuser has it, as every other.
    """
    return is_platform_admin(user) and user.has_perm("credit.replace_card")


def may_show_cards_again(user: User | AnonymousUser) -> bool:
    """Tell whether somebody may show a caller their card's code once more: a right beside the
    role, of which another rule says whose cards.

    A superuser has it, as every other.
    """
    return isinstance(user, User) and user.is_active and user.has_perm("credit.show_card_again")
