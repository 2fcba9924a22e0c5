from sms.admin import consents, messages, policies, templates

__all__ = ["consents", "messages", "policies", "templates"]
