# The service's image: built from the lock file, runs as an ordinary user, writes nothing to its own file system.
#
#   docker build -t listings .
#   docker run --read-only -p 50053:50053 -p 8086:8086 -e LISTINGS_DATABASE_URL=... listings
#   docker run --rm -e LISTINGS_DATABASE_URL=... listings migrate up

ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \
    UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/app
RUN pip install uv==0.13.9
WORKDIR /src
# Dependencies first: they change seldom, and this layer is kept until they do.
# The operator's image: docker build --build-arg EXTRAS="--extra operator" -t listings-operator .
ARG EXTRAS=""
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project ${EXTRAS}
COPY README.md LICENSE ./
COPY migrations migrations
COPY service service
# The same wheel holds the operator with its rules and dashboards.
COPY operator operator
COPY alerts alerts
COPY dashboards dashboards
# Not editable: the image needs no source tree, and the wheel carries the migrations.
RUN uv sync --frozen --no-dev --no-editable ${EXTRAS}

FROM ${BASE_IMAGE}
RUN groupadd --gid 10001 listings \
    && useradd --uid 10001 --gid listings --no-create-home --home-dir / --shell /usr/sbin/nologin listings
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A pod may run under a number that has no name; kopf asks for one.
ENV LOGNAME=listings
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 50053 8086
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 CMD ["listings", "healthcheck"]
ENTRYPOINT ["listings"]
CMD ["serve"]
