# Two stages: the first makes a virtual environment from the constraints, the second carries it and nothing else.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/bursar
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY core core
COPY tui tui
COPY bot bot
RUN /opt/bursar/bin/pip install -c config/constraints.txt '.[postgres]'
# A current SQLite, where there is a wheel of it for this kind of machine; `bursar doctor` names the one in use.
RUN /opt/bursar/bin/pip install --only-binary :all: -c config/constraints.txt pysqlite3 \
    || echo "no wheel of a current SQLite for this machine: the system's is used"

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Bursar" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/bursar /opt/bursar
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data bursar \
    && install -d -o 10001 -g 10001 -m 0700 /data
# PYTHONSAFEPATH: a core.py in the folder where somebody stands must not be taken for ours.
ENV PATH=/opt/bursar/bin:$PATH \
    BURSAR_HOME=/data \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LANG=C.UTF-8 \
    TERM=xterm-256color \
    COLORTERM=truecolor
USER 10001:10001
VOLUME /data
WORKDIR /data
# Well as long as the store answers and somebody leads: this container's own daemon, or one that shares its store.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["bursar", "health"]
# In exec form, so that the signal to stop reaches the program itself.
ENTRYPOINT ["bursar"]
