from redemption.admin import campaigns, events, recipients, redemptions, traces

__all__ = ["campaigns", "events", "recipients", "redemptions", "traces"]
