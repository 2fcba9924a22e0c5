from credit.admin import access, ledger, organisations, people, sign_in

__all__ = ["access", "ledger", "organisations", "people", "sign_in"]
