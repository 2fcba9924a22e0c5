from alerts.admin import alerts

__all__ = ["alerts"]
