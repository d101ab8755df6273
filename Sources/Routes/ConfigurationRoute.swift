/// `/v1/config`: what the gateway runs with.
struct ConfigurationRoute: Sendable {
    /// See ``RouteServices/configuration``.
    let document: @Sendable () -> [UInt8]

    @Sendable func get(_ request: Request) throws(Problem) -> Response {
        var fields = try Fields(request)
        try fields.finish()
        return Response(status: 200, contentType: "application/json", body: document())
    }
}
