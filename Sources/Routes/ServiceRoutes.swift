internal import AMQPBridge
internal import JSON

/// `/`, `/livez`, `/readyz`, `/metrics`, `/openapi.yaml`, `/openapi.json` and `/problems`: for operators and tools, without a key.
struct ServiceRoutes: Sendable {
    let services: RouteServices

    /// A description of this service: balancers ask here whether it is alive, and people who have found an address what it is.
    @Sendable func root(_ request: Request) throws(Problem) -> Response {
        if request.head.fields.single("accept")?.contains("text/html") == true {
            return Response(status: 200, contentType: "text/html; charset=utf-8", body: Array(page.utf8))
        }
        return .json { json in
            json.member("name", plain: "socketio-gateway")
            json.member("version", services.version)
            json.object("links") { for link in Self.links { $0.member(link.name, plain: link.path) } }
        }
    }

    private static let links: [(name: StaticString, path: StaticString, text: StaticString)] = [
        ("openapi", "/openapi.yaml", "what it understands"), ("live", "/livez", "whether it runs"),
        ("ready", "/readyz", "whether it reaches RabbitMQ"), ("metrics", "/metrics", "its numbers, for Prometheus"),
        ("problems", "/problems", "what its errors mean"),
    ]

    private var page: String {
        let items = Self.links.map { "<li><a href=\"\($0.path)\">\($0.path)</a>: \($0.text)</li>" }.joined(
            separator: "\n")
        return """
            <!doctype html>
            <html lang="en">
            <title>socketio-gateway</title>
            <h1>socketio-gateway \(services.version)</h1>
            <p>POST an event as JSON, and Socket.IO clients receive it.</p>
            <ul>
            \(items)
            </ul>
            </html>

            """
    }

    @Sendable func alive(_ request: Request) throws(Problem) -> Response {
        .json { $0.member("status", plain: "alive") }
    }

    @Sendable func ready(_ request: Request) throws(Problem) -> Response {
        switch services.readiness() {
        case .ready:
            .json { json in
                json.member("status", plain: "ready")
                if !services.protectsMetrics { json.member("brokers", services.brokers()) }
            }
        case .brokerUnavailable: throw Problem(.brokerUnavailable, PublishError.brokerUnavailable.cause)
        case .brokerBlocked: throw Problem(.brokerBlocked, "RabbitMQ has raised an alarm")
        case .shuttingDown: throw Problem(.shuttingDown, "the gateway is shutting down")
        }
    }

    @Sendable func metrics(_ request: Request) throws(Problem) -> Response {
        Response(status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", body: services.metrics())
    }

    @Sendable func openAPI(_ request: Request) throws(Problem) -> Response {
        Response(status: 200, contentType: "application/yaml", body: services.openAPI)
    }

    @Sendable func openAPIAsJSON(_ request: Request) throws(Problem) -> Response {
        Response(status: 200, contentType: "application/json", body: services.openAPIAsJSON())
    }

    /// As plain text, which browsers show.
    @Sendable func problems(_ request: Request) throws(Problem) -> Response {
        Response(status: 200, contentType: "text/plain; charset=utf-8", body: services.problemPage)
    }
}
