from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(_request: HttpRequest) -> dict[str, Any]:
    """What every page may print: who runs it and how to reach them."""
    return {
        "company_name": settings.COMPANY_NAME,
        "support_phone": settings.SUPPORT_PHONE_NUMBER,
        "support_email": settings.SUPPORT_EMAIL,
        "is_sandbox": settings.SANDBOX,
    }
