internal import JSON

/// `/livez`, `/readyz`, `/metrics` and `/openapi.yaml`: for operators and tools, without a key.
struct ServiceRoutes: Sendable {
    let services: RouteServices

    @Sendable func alive(_ request: Request) async throws(Problem) -> Response {
        .json { $0.append(json: "{\"status\":\"alive\"}") }
    }

    @Sendable func ready(_ request: Request) async throws(Problem) -> Response {
        switch services.readiness() {
        case .ready: .json { $0.append(json: "{\"status\":\"ready\"}") }
        case .brokerUnavailable: throw Problem(.brokerUnavailable, "there is no connection to RabbitMQ")
        case .brokerBlocked: throw Problem(.brokerBlocked, "RabbitMQ has raised an alarm")
        case .shuttingDown: throw Problem(.shuttingDown, "the gateway is shutting down")
        }
    }

    @Sendable func metrics(_ request: Request) async throws(Problem) -> Response {
        Response(status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", body: services.metrics())
    }

    @Sendable func openAPI(_ request: Request) async throws(Problem) -> Response {
        Response(status: 200, contentType: "application/yaml", body: services.openAPI)
    }
}
