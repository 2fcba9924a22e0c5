from sms.admin import messages, policies, templates

__all__ = ["messages", "policies", "templates"]
