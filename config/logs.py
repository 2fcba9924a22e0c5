"""Structured logs: one JSON object a line, with the request's id, never with a secret.

Tracebacks are printed without the values of local variables: those hold card codes.
"""

import logging.config

import structlog

_BEFORE_ERRORS: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(*also: structlog.types.Processor) -> None:
    """Send everything that Django, Celery and we log to standard error as JSON lines.

    :param also: sees each line before the traceback of its error is written out.
    """
    shared: list[structlog.types.Processor] = [
        *_BEFORE_ERRORS,
        *also,
        structlog.processors.ExceptionRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.JSONRenderer(),
                    ],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": "INFO"},
            "loggers": {
                "django.server": {"level": "INFO"},
                "django.request": {"level": "ERROR"},
                "twilio": {"level": "WARNING"},
                "urllib3": {"level": "WARNING"},
                "celery.app.trace": {"level": "WARNING"},
                "celery.worker.strategy": {"level": "WARNING"},
            },
        }
    )
