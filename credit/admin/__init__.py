from credit.admin import access, ledger, organisations, people

__all__ = ["access", "ledger", "organisations", "people"]
