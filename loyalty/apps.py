from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured


class LoyaltyConfig(AppConfig):
    name = "loyalty"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Refuse to start where payments are set up that nothing here could take."""
        from loyalty.providers import NotConfiguredError, require_library

        try:
            require_library()
        except NotConfiguredError as error:
            raise ImproperlyConfigured(str(error)) from None
