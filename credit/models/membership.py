from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from credit.models.organisation import Agency, Client


class Membership(models.Model):
    """What a person may do, and for whom; one person may hold several."""

    class Role(models.TextChoices):
        PLATFORM_ADMIN = "platform_admin", gettext_noop("Platform admin")
        AGENCY_MANAGER = "agency_manager", gettext_noop("Agency manager")
        CLIENT_MANAGER = "client_manager", gettext_noop("Client manager")
        AGENT = "agent", gettext_noop("Call-centre agent")
        AUDITOR = "auditor", gettext_noop("Auditor")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=16, choices=Role)
    agency = models.ForeignKey(
        Agency, on_delete=models.CASCADE, null=True, blank=True, related_name="memberships"
    )
    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, null=True, blank=True, related_name="memberships"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Who is bound to what: a manager to one organisation, an agent to a client, an
            # auditor to either or, with neither, to the platform.
            models.CheckConstraint(
                condition=(
                    Q(role="platform_admin", agency__isnull=True, client__isnull=True)
                    | Q(role="agency_manager", agency__isnull=False, client__isnull=True)
                    | Q(role__in=["client_manager", "agent"])
                    & Q(agency__isnull=True, client__isnull=False)
                    | Q(role="auditor") & (Q(agency__isnull=True) | Q(client__isnull=True))
                ),
                name="credit_membership_scope_fits_role",
            ),
            models.UniqueConstraint(
                fields=["user", "role", "agency", "client"],
                nulls_distinct=False,
                name="credit_membership_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.role}"
