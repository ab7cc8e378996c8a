# Labelcycle and everything in its lock. One image for all of Airflow's processes, for MLflow and for the set-up.

FROM python:3.12.12-slim-bookworm AS packages
ENV UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.8
COPY requirements.txt /
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --python /usr/local/bin/python3 /opt/venv \
    && uv pip sync --python /opt/venv/bin/python --require-hashes /requirements.txt

FROM python:3.12.12-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 50000 --create-home labelcycle \
    && install --directory --owner labelcycle --group labelcycle /opt/airflow /opt/airflow/logs /opt/datasets
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/labelcycle
COPY pyproject.toml README.md ./
COPY deploy/__init__.py deploy/init.py deploy/
COPY dags dags
COPY include include
COPY plugins plugins
# Airflow learns connection types from installed distributions only.
RUN --mount=type=bind,from=packages,source=/usr/local/bin/uv,target=/usr/local/bin/uv \
    uv pip install --no-cache --offline --no-deps --no-build-isolation --python /opt/venv/bin/python --editable . \
    && python -m compileall -q dags deploy include plugins
USER labelcycle
