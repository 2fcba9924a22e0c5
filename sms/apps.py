from django.apps import AppConfig


class SMSConfig(AppConfig):
    name = "sms"
    verbose_name = "Messages"
    default_auto_field = "django.db.models.BigAutoField"
