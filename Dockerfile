# The production image: web, worker and beat run from it; see docker-compose.yml.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    VAR_DIR=/app/var

WORKDIR /app
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent giftline

# What is optional: --build-arg EXTRAS="-r requirements-stripe.lock" for card payments.
ARG EXTRAS=""
COPY requirements.lock requirements-stripe.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock ${EXTRAS}

COPY . .
# BUILD=1: nothing of this step's settings, and no secret, stays in the image.
RUN BUILD=1 python manage.py collectstatic --no-input --verbosity 0 \
    && python -m compileall -q config alerts credit giftcards sms redemption

USER giftline
EXPOSE 8000

# The address a container listens on is its own affair: PORT is what the outside agrees on.
CMD ["sh", "-c", "exec gunicorn config.wsgi --bind 0.0.0.0:${PORT:-8000} --worker-class config.webserver.Worker --workers ${WEB_CONCURRENCY:-2} --threads 3 --limit-request-line 8190 --worker-tmp-dir /dev/shm --no-control-socket"]
