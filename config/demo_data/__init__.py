"""The demo's data: a small world with a past, made by the services that make the real one."""
