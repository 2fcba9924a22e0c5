from credit.admin import access, api_keys, ledger, organisations, people, sign_in

__all__ = ["access", "api_keys", "ledger", "organisations", "people", "sign_in"]
