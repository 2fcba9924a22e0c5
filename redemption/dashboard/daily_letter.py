"""The daily report as a mail, plain and as HTML; named by ``DAILY_REPORT_WRITER``."""

from __future__ import annotations

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from credit.selectors.viewers import Viewer
from redemption.dashboard.daily_words import describe_daily
from redemption.selectors.daily import DailyReport
from redemption.services.daily_mails import Letter, Links


def write_daily_letter(report: DailyReport, viewer: Viewer, links: Links) -> Letter:
    """Return the mail about a day; what it says is what its reader's page says."""
    day = date_format(report.day, "DATE_FORMAT")
    asked = report.flow.everything.asked
    context = {
        **describe_daily(report),
        "company": settings.COMPANY_NAME,
        "organisation": ", ".join(viewer.organisation_names),
        "page_url": links.page_url,
        "unsubscribe_url": links.unsubscribe_url,
    }
    subject = _("%(day)s: %(count)s redemptions") % {"day": day, "count": f"{asked:,}"}
    return Letter(
        subject=f"{subject} – {settings.COMPANY_NAME}" if settings.COMPANY_NAME else subject,
        text=render_to_string("email/daily.txt", context),
        html=render_to_string("email/daily.html", context),
    )
