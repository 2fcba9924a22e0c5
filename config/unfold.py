"""How the admin looks."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy


def unfold(*, company_name: str) -> dict[str, Any]:
    """Return the settings of the admin's theme, with the company's name in its header."""
    return {
        "SITE_TITLE": "Giftline",
        "SITE_HEADER": "Giftline",
        "SITE_SUBHEADER": company_name if company_name != "Giftline" else "Administration",
        "SITE_ICON": lambda _request: static("img/mark.svg"),
        "SITE_FAVICONS": [
            {
                "rel": "icon",
                "type": "image/svg+xml",
                "href": lambda _request: static("img/favicon.svg"),
            }
        ],
        "SHOW_HISTORY": True,
        "SHOW_VIEW_ON_SITE": False,
        "SHOW_BACK_BUTTON": True,
        "BORDER_RADIUS": "8px",
        "STYLES": [lambda _request: static("css/admin.css")],
        "DASHBOARD_CALLBACK": "config.dashboard.fill_index",
        "SIDEBAR": {"navigation": "config.navigation.sidebar"},
        "ACCOUNT": {
            "navigation": [{"title": "Your account", "link": reverse_lazy("your-account")}],
        },
        "COLORS": {
            # The green of the customers' pages.
            "primary": {
                "50": "#eefaf6",
                "100": "#d5f2e7",
                "200": "#aee4d2",
                "300": "#7dd0b8",
                "400": "#4bb69b",
                "500": "#2a9a81",
                "600": "#177a66",
                "700": "#0f5c4c",
                "800": "#0e4a3e",
                "900": "#0c3d34",
                "950": "#05231e",
            }
        },
    }
