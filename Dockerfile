# syntax=docker/dockerfile:1
# The image of bursar: one binary on a small Debian, not root.
#
#   docker build -t bursar .
#   docker run --rm bursar demo --exit
#   docker run -p 127.0.0.1:8080:8080 -v bursar:/var/lib/bursar bursar
#
# config/compose.yaml runs gateway and workers with PostgreSQL and Redis.

# Both stages are the same Debian: the binary needs the C library that it was linked with.
FROM rust:1-slim-trixie AS build
WORKDIR /source
# What decides the result, and nothing else, so that a change of the README builds nothing anew.
# The workspace names its members, so the manifests of all are needed.
COPY Cargo.toml Cargo.lock ./
COPY config ./config
COPY jobs ./jobs
COPY schedules ./schedules
COPY tests ./tests
COPY src ./src
# The target folder is a cache, which later steps cannot see: the binary is moved out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --package bursar \
    && cp target/release/bursar /usr/local/bin/bursar

FROM debian:trixie-slim
# Roots of trust, for calls to channels and to merchants' endpoints.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /var/lib/bursar --create-home --shell /usr/sbin/nologin bursar
COPY --from=build /usr/local/bin/bursar /usr/local/bin/bursar
USER 10001
# The default database, ./bursar.db, lands here.
WORKDIR /var/lib/bursar
VOLUME /var/lib/bursar
# Loopback inside a container is reached by nobody. Publish the port with care: -p 127.0.0.1:8080:8080.
ENV BURSAR__GATEWAY__LISTEN=0.0.0.0:8080 \
    BURSAR__WORKER__LISTEN=0.0.0.0:8080
EXPOSE 8080
# /livez asks nothing of the database: a restart would not mend that. There is no curl here; bash talks TCP.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /livez HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
# Ends on SIGTERM within worker.stop_within; give it more than Docker's ten seconds (--stop-timeout 30).
ENTRYPOINT ["/usr/local/bin/bursar"]
CMD ["serve"]
