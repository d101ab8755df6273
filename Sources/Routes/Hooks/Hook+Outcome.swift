package import AMQPBridge
internal import JSON

extension Hook {
    /// The outcome of a delivery.
    package enum Outcome: Sendable {
        /// An event. The id is what its sender calls the delivery; `nil`: nothing.
        case emit(Emit, deliveryID: String?)
        /// The first condition that is not met.
        case ignored(UnmetCondition)
        /// The sender wants to know that the address is ours, and this is the text that it waits for.
        case challenge(String)
    }

    /// - Parameter now: seconds since 1970.
    /// - Throws: when a delivery is not from who has a secret, or was not signed just now.
    package func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        try scheme.verify(fields, body: body, now: now)
    }

    /// The headers with which a delivery of this body would come from its sender.
    ///
    /// - Parameter now: seconds since 1970.
    package func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] { scheme.sign(body, now: now) }

    /// The answer, in plain text, to a sender that asks by GET or HEAD whether the address is ours.
    ///
    /// - Parameter query: as it was sent.
    /// - Throws: when it is not from who was told the address.
    package func confirmation(of query: String) throws(SignatureFault) -> String {
        try scheme.confirmation(of: query)
    }

    /// The fault for which the gateway refuses a delivery before it looks for a signature; `nil`: none.
    package func problem(_ fields: HeaderFields, bodyBytes count: Int) -> Problem? {
        let limit = bodyBytes ?? Router.Limits().bodyBytes
        if let name = fields.repeated { return Problem(.malformedHTTP, "the header \(name.rawValue) comes twice") }
        if count > limit { return Problem(.payloadTooLarge, "at most \(limit) bytes are allowed") }
        let head = RequestHead(method: .post, path: "", fields: fields)
        return Route.Body.hook.takes(head) ? nil : .mediaType(of: head, for: .hook)
    }

    /// The outcome of an authentic delivery. Publishes nothing.
    ///
    /// - Throws: why it becomes nothing.
    package func outcome(_ fields: HeaderFields, body: [UInt8]) throws(Problem) -> Outcome {
        let document = try Self.document(fields, body)
        if let challenge = try scheme.challenge(in: document.root) { return .challenge(challenge) }
        let source = TemplateSource(body: document.root, fields: fields)
        switch try mapping.outcome(of: source) {
        case .emit(let emit): return .emit(emit, deliveryID: deliveryID(in: source))
        case .ignored(let unmet): return .ignored(unmet)
        }
    }

    /// No body at all is an object without members, for senders that only say that it is time.
    private static func document(_ fields: HeaderFields, _ body: [UInt8]) throws(Problem) -> JSONDocument {
        guard let type = fields[.contentType] else {
            return try JSONDocument(delivered: body.isEmpty ? Array("{}".utf8) : body)
        }
        return ContentType(type).isForm ? try FormBody.document(body) : try JSONDocument(delivered: body)
    }
}
