from redemption.admin import campaigns, delivery_log, events, recipients, redemptions, traces

__all__ = ["campaigns", "delivery_log", "events", "recipients", "redemptions", "traces"]
