# The two images of this repository, built from the lock file. Both run as an ordinary user and write nothing to their
# own file system.
#
#   docker build --target service --tag listings:0.1.0 .
#   docker build --target operator --tag listings-operator:0.1.0 .
#
#   docker run --read-only -p 50053:50053 -p 8086:8086 -e LISTINGS_DATABASE_URL=... listings:0.1.0
#   docker run --read-only --rm -e LISTINGS_DATABASE_URL=... listings:0.1.0 migrate up

# Any image with Python 3.11 or newer and pip, such as your organization's own.
ARG BASE_IMAGE=python:3.13-slim

FROM scratch AS source
COPY pyproject.toml uv.lock README.md LICENSE /
COPY migrations /migrations
COPY alerts /alerts
COPY dashboards /dashboards
COPY service /service
COPY operator /operator

# Dependencies by themselves: they change seldom, and these layers are kept until they do.
FROM ${BASE_IMAGE} AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \
    UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/app
RUN pip install uv==0.13.9
WORKDIR /src
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project

FROM dependencies AS operator-dependencies
RUN uv sync --frozen --no-dev --no-install-project --extra operator

# Not editable: the images need no source tree, and the wheel carries migrations, alerts and dashboards.
FROM operator-dependencies AS operator-build
COPY --from=source / .
RUN uv sync --frozen --no-dev --no-editable --extra operator

FROM dependencies AS service-build
COPY --from=source / .
RUN uv sync --frozen --no-dev --no-editable

# What both images begin with.
FROM ${BASE_IMAGE} AS runtime
RUN groupadd --gid 10001 listings \
    && useradd --uid 10001 --gid listings --no-create-home --home-dir / --shell /usr/sbin/nologin listings
# LOGNAME: a pod may run under a number that has no name, and kopf asks for one.
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LOGNAME=listings
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
STOPSIGNAL SIGTERM

FROM runtime AS operator
COPY --from=operator-build /app /app
EXPOSE 8080
ENTRYPOINT ["python", "-m", "listings_operator"]

# Last, so that it is what a build without --target makes.
FROM runtime AS service
COPY --from=service-build /app /app
EXPOSE 50053 8086
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 CMD ["listings", "healthcheck"]
ENTRYPOINT ["listings"]
CMD ["serve"]
