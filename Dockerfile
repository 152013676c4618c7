# syntax=docker/dockerfile:1
# Two stages: the first builds, the second has what runs and nothing to install with.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m venv /opt/build \
 && python -m venv --without-pip /opt/agent \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/agent/bin/python install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY monitor monitor
COPY alerts alerts
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /opt/wheel . \
 && /opt/build/bin/pip --python /opt/agent/bin/python install --no-cache-dir --no-deps /opt/wheel/*.whl \
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
# Asks directly, whatever proxy the agent needs to reach SFCC, at the port that is set.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import os, sys, http.client as h; c = h.HTTPConnection('127.0.0.1', int(os.environ['SFCC_MONITOR_LISTEN'].rpartition(':')[2]), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["sfcc-job-monitor"]
CMD ["run"]
