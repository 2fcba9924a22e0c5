from alerts.admin import alerts, incidents, notices, routes

__all__ = ["alerts", "incidents", "notices", "routes"]
