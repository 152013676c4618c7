# syntax=docker/dockerfile:1
# Two stages: the first has pip, the second has only what runs.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m venv /opt/agent \
 && /opt/agent/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY monitor monitor
COPY alerts alerts
RUN /opt/agent/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/agent/bin/pip uninstall --yes hatchling pip \
 && /opt/agent/bin/python -m compileall -q /opt/agent

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="sfcc-job-monitor" \
      org.opencontainers.image.description="Watches the jobs of Salesforce B2C Commerce instances" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /var/lib/sfcc-job-monitor --create-home agent
COPY --from=build /opt/agent /opt/agent
# The state is the only place that is written to: everything else may be mounted read-only.
ENV PATH=/opt/agent/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SFCC_MONITOR_STATE=sqlite:////var/lib/sfcc-job-monitor/state.sqlite \
    SFCC_MONITOR_LISTEN=0.0.0.0:9985
USER 10001
VOLUME /var/lib/sfcc-job-monitor
EXPOSE 9985
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9985/healthz', timeout=4)"]
ENTRYPOINT ["sfcc-job-monitor"]
CMD ["run"]
