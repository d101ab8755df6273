/// The event that a delivery to `/v1/hooks/{name}` becomes, and the senders from which it is taken.
package struct Hook: Sendable {
    package let name: String
    let scheme: any HookScheme
    let mapping: EmitMapping
    /// The sender's id of a delivery; `nil`: as the scheme says.
    private let deliveryID: Template?
    /// The longest body, in bytes; `nil`: as for an emit.
    let bodyBytes: Int?
    let confirmWait: Duration
    let handshake: Handshake
    /// How often; `nil`: as often as it likes.
    package var limit: RateLimit?
    /// Counts what becomes of its deliveries.
    package var counters = DeliveryCounters()
    /// Whether a delivery proves whose it is.
    package let isSigned: Bool
    /// Whether GET and HEAD are answered.
    package let confirmsAddress: Bool

    /// Less than any sender waits for an answer; Slack's 3 s are the shortest.
    package static let longestConfirmWait: Duration = .milliseconds(2_900)
    package static let usualConfirmWait: Duration = .milliseconds(2_500)

    /// - Parameters:
    ///   - name: 1 to 64 of `A-Z a-z 0-9 - . _ ~`.
    ///   - scheme: the name of one of ``HookSchemes``.
    ///   - values: what the scheme is configured with.
    ///   - deliveryID: a template for what the sender calls a delivery; `nil`: as the scheme says. Deliveries without one are
    ///     not told apart.
    ///   - bodyBytes: the longest body; `nil`: as for an emit. Never more than the longest of all routes.
    ///   - confirmWait: how long RabbitMQ has to confirm; at most ``longestConfirmWait``.
    ///   - allowedOrigins: who is granted what it asks for with CloudEvents' handshake: host names, or `*`.
    ///   - allowedRate: what it is promised, in a minute.
    package init(
        name: String, scheme: String, values: SchemeValues, mapping: EmitMapping, deliveryID: String? = nil,
        bodyBytes: Int? = nil, confirmWait: Duration = Hook.usualConfirmWait, allowedOrigins: [String] = [],
        allowedRate: Int? = nil
    ) throws(HookConfigurationError) {
        guard Self.isName(name) else {
            throw HookConfigurationError("name", "must be 1 to 64 letters, digits, '-', '.', '_' or '~'")
        }
        if let bodyBytes, bodyBytes < 1 { throw HookConfigurationError("maxBodyBytes", "must be 1 or more") }
        try Self.check(confirmWait)
        self.name = name
        self.scheme = try HookSchemes.scheme(named: scheme, values)
        (isSigned, confirmsAddress) = (type(of: self.scheme).isSigned, type(of: self.scheme).confirmsAddress)
        self.mapping = mapping
        self.deliveryID = try deliveryID.map { text throws(HookConfigurationError) in
            try Template(text, of: "deliveryId")
        }
        self.bodyBytes = bodyBytes
        self.confirmWait = confirmWait
        handshake = try Handshake(
            origins: allowedOrigins, rate: allowedRate,
            methods: confirmsAddress ? "GET, HEAD, OPTIONS, POST" : "OPTIONS, POST")
        try checkCredentials()
    }

    /// A proof of who sent a delivery becomes no part of an event.
    private func checkCredentials() throws(HookConfigurationError) {
        let templates = mapping.templates + (deliveryID.map { [("deliveryId", $0)] } ?? [])
        for header in scheme.credentialHeaders {
            guard let found = templates.first(where: { $0.template.reads(header: header) }) else { continue }
            throw HookConfigurationError(
                found.field, "credentials are not passed on, and {header:\(header)} is the hook's secret")
        }
    }

    /// The sender's id of a delivery; `nil`: a delivery without an id is new every time.
    func deliveryID(in source: TemplateSource) -> String? {
        if let deliveryID { try? deliveryID.name(from: source) } else { scheme.deliveryID(in: source) }
    }

    static func check(_ confirmWait: Duration) throws(HookConfigurationError) {
        guard confirmWait > .zero, confirmWait <= longestConfirmWait else {
            throw HookConfigurationError("confirmTimeout", "must be more than 0 and less than 3s")
        }
    }

    /// The characters that a path may have without escapes (RFC 3986, section 2.3).
    private static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                    UInt8(ascii: "~"):
                    true
                default: false
                }
            }
    }
}
