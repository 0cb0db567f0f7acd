# stdio:  docker run -i --rm --no-healthcheck -e CLICKSEND_USERNAME -e CLICKSEND_API_KEY clicksend-mcp
# HTTP:   docker run -p 8000:8000 -e CLICKSEND_MCP_HTTP_AUTH=basic -e CLICKSEND_MCP_HTTP_URL=https://... \
#             clicksend-mcp http --host 0.0.0.0
# docs/hosts.md says the rest. The Python is the one that all tests run on.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE clicksend_mcp.py ./
COPY schemas schemas
COPY tools tools
COPY server server
# Without a pip of its own: this folder is all that goes into the image.
RUN python -m venv --without-pip /opt/clicksend-mcp
RUN python -m pip --python /opt/clicksend-mcp/bin/python install --no-cache-dir --constraint constraints.txt ".[postgres]"

FROM python:${PYTHON}-slim
LABEL io.modelcontextprotocol.server.name="io.github.clicksend-mcp/clicksend-mcp" \
      org.opencontainers.image.title="clicksend-mcp" \
      org.opencontainers.image.licenses="MIT"
RUN python -m pip uninstall --yes --root-user-action=ignore setuptools wheel pip
# The ledger of what was sent lies here: mount a volume, or a new container does not know what the last one sent.
RUN useradd --no-log-init --uid 10001 --user-group --create-home --home-dir /var/lib/clicksend-mcp clicksend
COPY --from=build /opt/clicksend-mcp /opt/clicksend-mcp
ENV PATH=/opt/clicksend-mcp/bin:$PATH XDG_STATE_HOME=/var/lib
USER 10001
WORKDIR /var/lib/clicksend-mcp
VOLUME /var/lib/clicksend-mcp
EXPOSE 8000
# A SIGTERM ends it when the calls in flight are through: give it longer than CLICKSEND_MCP_TOTAL_TIMEOUT.
STOPSIGNAL SIGTERM
# For `http`. Not urlopen and no curl: the first would ask a proxy where one is set, the second is not here.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["clicksend-mcp"]
