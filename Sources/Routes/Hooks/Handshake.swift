/// The origins that deliveries may have, as CloudEvents' senders ask before their first (HTTP 1.1 Web Hooks for Event Delivery 1.0.2,
/// section 4). Only what is configured is granted, and nobody is called back.
struct Handshake: Sendable {
    private let origins: [String]
    /// Requests in a minute; `nil`: no limit that would be known.
    private let rate: Int?
    /// Those of the path.
    private let methods: String

    /// - Parameters:
    ///   - origins: host names, or `*` for all.
    ///   - rate: what is promised; what is held to is another setting.
    ///   - methods: those of the path, as `Allow` has them.
    init(origins: [String], rate: Int?, methods: String = "OPTIONS, POST") throws(HookConfigurationError) {
        for (index, origin) in origins.enumerated() {
            guard origin == "*" || WebOrigin("https://\(origin)") != nil else {
                throw HookConfigurationError("allowedOrigins[\(index)]", "must be a host name or '*'")
            }
        }
        if let rate, rate < 1 { throw HookConfigurationError("allowedRate", "must be 1 or more, in a minute") }
        self.origins = origins
        self.rate = rate
        self.methods = methods
    }

    /// The headers that grant what is asked for; none if it is not granted, or nobody asks.
    func grant(_ fields: HeaderFields) -> [ResponseField] {
        guard let asked = fields.single("webhook-request-origin"),
            let origin = origins.first(where: { $0 == "*" || $0.lowercased() == asked.lowercased() })
        else { return [] }
        return [
            ResponseField("WebHook-Allowed-Origin", origin),
            ResponseField("WebHook-Allowed-Rate", rate.map(String.init) ?? "*"),
        ]
    }

    func answer(_ fields: HeaderFields) -> Response {
        let granted = grant(fields)
        var response = Response(status: granted.isEmpty ? 204 : 200)
        response.fields = [ResponseField("Allow", methods)] + granted
        return response
    }
}
