import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_django = get_wsgi_application()

from config.bodies import measure_bodies  # noqa: E402  needs the settings
from config.roles import refuse_powerful_role  # noqa: E402  needs the settings

refuse_powerful_role()

application = measure_bodies(_django)
