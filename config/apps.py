from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The installed app without models: commands and pages that span all apps."""

    name = "config"
    verbose_name = "Giftline"

    def ready(self) -> None:
        from django.conf import settings

        from config import checks, logs  # noqa: F401 - registers checks

        if not settings.SENTRY_DSN:
            logs.configure()
            return
        from config.tracking import start_tracking, tell_of_errors

        start_tracking(dsn=settings.SENTRY_DSN, environment=settings.SENTRY_ENVIRONMENT)
        logs.configure(tell_of_errors)
