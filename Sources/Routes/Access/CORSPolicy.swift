/// Which web pages of other origins may call the gateway and read what it answers (CORS; Fetch standard, section 3.2).
///
/// Pages send keys themselves: nothing that a browser adds by itself, such as cookies, means anything here. So
/// `Access-Control-Allow-Credentials` is never sent.
package struct CORSPolicy: Sendable, Equatable {
    /// Pages of no origin. Nothing of a request is looked at.
    package static let off = CORSPolicy(origins: [])

    private let origins: Set<String>

    package init(origins: [WebOrigin]) {
        self.origins = Set(origins.map(\.description))
    }

    /// `none`, or origins separated by commas.
    package init?(text: String) {
        if text.isEmpty || text == "none" {
            self = .off
            return
        }
        let parts = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map { part in
            WebOrigin(String(Substring(part.drop { $0 == UInt8(ascii: " ") })))
        }
        let origins = parts.compactMap(\.self)
        guard origins.count == parts.count else { return nil }
        self.init(origins: origins)
    }

    var isOff: Bool { origins.isEmpty }

    /// Whether pages of this origin may call. An `Origin` is compared as it was sent: browsers send it in lower case.
    func allows(_ origin: String) -> Bool { origins.contains(origin) }

    /// The headers of every answer to a page's request. Must not be asked when ``isOff``.
    func fields(for head: RequestHead) -> [ResponseField] {
        // For caches, also where this request has no Origin, or one that is not allowed.
        let vary = ResponseField("Vary", "Origin")
        guard let origin = head.fields[.origin], allows(origin) else { return [vary] }
        if head.isPreflight { return [vary, ResponseField("Access-Control-Allow-Origin", origin)] }
        return [
            vary, ResponseField("Access-Control-Allow-Origin", origin),
            ResponseField("Access-Control-Expose-Headers", Self.exposedHeaders),
        ]
    }

    /// The further headers of the answer to a preflight; none if the request is none, or its origin is not allowed.
    ///
    /// - Parameter methods: those of the path, separated by commas.
    func preflightFields(for head: RequestHead, methods: String) -> [ResponseField] {
        guard head.isPreflight, let origin = head.fields[.origin], allows(origin) else { return [] }
        return [
            ResponseField("Access-Control-Allow-Methods", methods),
            ResponseField("Access-Control-Allow-Headers", Self.requestHeaders),
            ResponseField("Access-Control-Max-Age", Self.preflightSeconds),
        ]
    }

    /// Whether a browser asks for a page that may not call: it will keep the request back, and nobody else hears of it.
    func refuses(_ head: RequestHead) -> Bool {
        guard head.isPreflight, let origin = head.fields[.origin] else { return false }
        return !allows(origin)
    }

    /// The headers of requests that pages may set.
    static let requestHeaders =
        "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-API-Key, X-Request-Id, traceparent, tracestate, ce-specversion, "
        + "ce-id, ce-source, ce-type, ce-subject, ce-time, ce-dataschema"
    /// The headers of answers that pages may read.
    static let exposedHeaders =
        "X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Idempotent-Replayed"
    /// How long a browser may remember the answer to a preflight.
    static let preflightSeconds = "600"
}

extension CORSPolicy: CustomStringConvertible {
    package var description: String { isOff ? "none" : origins.sorted().joined(separator: ",") }
}

extension RequestHead {
    /// Whether a browser asks for a page what it may send (Fetch standard, section 3.2.2).
    fileprivate var isPreflight: Bool {
        method == .options && fields[.origin] != nil && fields[.accessControlRequestMethod] != nil
    }
}
