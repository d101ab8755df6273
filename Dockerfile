# syntax=docker/dockerfile:1

FROM swift:6.2-bookworm AS build
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
RUN swift build -c release --static-swift-stdlib --product socketio-gateway \
    && strip -o /socketio-gateway .build/release/socketio-gateway

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmicrohttpd12 librabbitmq4 libjansson4 libyaml-0-2 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /socketio-gateway /usr/local/bin/socketio-gateway
# Everyone outside may reach it: without GATEWAY_API_KEY (or GATEWAY_API_KEY_FILE) it makes a key and prints it.
ENV GATEWAY_HTTP_ADDRESS=0.0.0.0:8080 GATEWAY_LOG_FORMAT=json
USER nobody
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["socketio-gateway", "healthcheck"]
ENTRYPOINT ["socketio-gateway"]
CMD ["serve"]
