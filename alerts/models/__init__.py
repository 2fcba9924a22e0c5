from alerts.models.alert import Alert
from alerts.models.rate import RateCount

__all__ = ["Alert", "RateCount"]
