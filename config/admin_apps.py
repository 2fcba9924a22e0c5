from django.contrib.admin.apps import AdminConfig


class PlatformAdminConfig(AdminConfig):
    """Django's admin with our own site: the platform's staff alone may enter."""

    default_site = "config.admin_site.PlatformAdminSite"
