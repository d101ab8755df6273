# syntax=docker/dockerfile:1

FROM swift:6.2-bookworm AS build
# Whatever versions Debian's stable release has: that is where security fixes arrive.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends pkg-config libmicrohttpd-dev librabbitmq-dev libjansson-dev libyaml-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies first: they change less often than the sources.
COPY Package.swift ./
RUN swift package resolve
COPY Sources ./Sources
COPY Tests ./Tests
COPY openapi.yaml ./
COPY docs/problems.md ./docs/
COPY console ./console/
RUN swift build -c release --static-swift-stdlib --product socketio-gateway \
    && strip -o /socketio-gateway .build/release/socketio-gateway

FROM debian:bookworm-slim
# As above, but not with a librabbitmq before the fixes of CVE-2026-59986 and CVE-2026-61547.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmicrohttpd12 librabbitmq4 libjansson4 libyaml-0-2 libssl3 \
        ca-certificates \
    && if ! dpkg --compare-versions "$(dpkg-query -W -f '${Version}' librabbitmq4)" ge 0.11.0-1+deb12u3; then \
        echo "librabbitmq4 is too old" >&2; exit 1; \
    fi \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /socketio-gateway /usr/local/bin/socketio-gateway
# Everyone outside may reach it: without GATEWAY_API_KEY (or GATEWAY_API_KEY_FILE) it makes a key and prints it.
ENV GATEWAY_HTTP_ADDRESS=0.0.0.0:8080 GATEWAY_LOG_FORMAT=json
# nobody, as a number: Kubernetes' runAsNonRoot takes no names.
USER 65534:65534
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["socketio-gateway", "healthcheck"]
ENTRYPOINT ["socketio-gateway"]
CMD ["serve"]
