from alerts.admin import alerts, incidents

__all__ = ["alerts", "incidents"]
