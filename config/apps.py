from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The installed app without models: commands and pages that span all apps."""

    name = "config"
    verbose_name = "Giftline"

    def ready(self) -> None:
        from config import checks, logs  # noqa: F401 - registers checks

        logs.configure()
