internal import JSON

/// An error as its caller sees it: RFC 9457, `application/problem+json`.
package struct Problem: Error, Sendable, Equatable {
    package var code: Code
    /// The fault, in words: where there are places, the first of them. Safe in a log: it names fields and parameters, which may
    /// be names that nobody knows. Of values it repeats a `Content-Type`, and names that Socket.IO or a server reserves; no others.
    package var detail: String
    package var places: [Place] = []
    /// The methods of the path, for 405.
    package var allow: String?
    /// After how long it may be tried again, for 429.
    package var retryAfter: Duration?
    /// For the log alone.
    var aside: Aside?

    package init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    /// - Parameters:
    ///   - places: the first of them is told in ``detail``.
    ///   - count: how many there are, if not all are listed.
    ///   - lead: what stands before it.
    package init(_ code: Code, at places: [Place], count: Int? = nil, lead: String = "") {
        self.code = code
        self.places = places
        let more = (count ?? places.count) - 1
        detail = lead + (places.first?.description ?? code.title) + (more > 0 ? " (and \(more) more)" : "")
    }

    package enum Code: String, Sendable, CaseIterable {
        case malformedHTTP = "malformed_http"
        case headTooLarge = "head_too_large"
        case invalidJSON = "invalid_json"
        case duplicateKey = "duplicate_key"
        case tooDeep = "too_deep"
        case ambiguousCredentials = "ambiguous_credentials"
        case unauthorized = "unauthorized"
        case insufficientScope = "insufficient_scope"
        case beyondReach = "beyond_reach"
        case notAuthentic = "not_authentic"
        case handshakeRefused = "handshake_refused"
        case rateLimited = "rate_limited"
        case hostNotAllowed = "host_not_allowed"
        case originNotAllowed = "origin_not_allowed"
        case forwarded = "forwarded"
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        case payloadTooLarge = "payload_too_large"
        case unsupportedMediaType = "unsupported_media_type"
        case invalidRequest = "invalid_request"
        case notExpressible = "not_expressible"
        case deliveryRefused = "delivery_refused"
        case deliveryInFlight = "delivery_in_flight"
        case brokerUnavailable = "broker_unavailable"
        case brokerBlocked = "broker_blocked"
        case brokerRefused = "broker_refused"
        case brokerNack = "broker_nack"
        case overloaded = "overloaded"
        case shuttingDown = "shutting_down"
        case notSupported = "not_supported"
        case noServers = "no_servers"
        case turnedOff = "turned_off"
        case notImplemented = "not_implemented"
        case incomplete = "incomplete"
        case confirmTimeout = "confirm_timeout"
        case idempotencyKeyInFlight = "idempotency_key_in_flight"
        case idempotencyKeyReused = "idempotency_key_reused"
    }
}

extension Problem.Code {
    /// The one table from codes to HTTP.
    private var meaning: (status: Int, title: String, retryable: Bool) {
        switch self {
        case .malformedHTTP: (400, "Malformed or ambiguous HTTP", false)
        case .headTooLarge: (431, "Request head too large", false)
        case .invalidJSON: (400, "Not valid JSON", false)
        case .duplicateKey: (400, "An object has the same key twice", false)
        case .tooDeep: (400, "JSON nested too deep", false)
        case .ambiguousCredentials: (400, "More than one credential", false)
        case .unauthorized: (401, "A valid API key is needed", false)
        case .insufficientScope: (403, "The key lacks a scope", false)
        case .beyondReach: (403, "Beyond what the key may reach", false)
        case .notAuthentic: (401, "Not authentic", false)
        case .handshakeRefused: (403, "Handshake refused", false)
        case .rateLimited: (429, "Too many requests", true)
        case .hostNotAllowed: (403, "Host not allowed", false)
        case .originNotAllowed: (403, "Origin not allowed", false)
        case .forwarded: (403, "Passed on by a proxy", false)
        case .notFound: (404, "No such resource", false)
        case .methodNotAllowed: (405, "Method not allowed", false)
        case .payloadTooLarge: (413, "Body too large", false)
        case .unsupportedMediaType: (415, "Unsupported media type", false)
        case .invalidRequest: (422, "Invalid request", false)
        case .notExpressible: (422, "The configured servers cannot do this", false)
        case .deliveryRefused: (422, "The delivery does not make an emit", false)
        case .notSupported: (501, "A server cannot do this", false)
        // Not 409, which some senders take for final: they would not come again.
        case .deliveryInFlight: (503, "The same delivery is under way", true)
        case .brokerUnavailable: (503, "No connection to the broker", true)
        case .brokerBlocked: (503, "The broker takes no messages", true)
        case .brokerRefused: (503, "The broker refused", false)
        // Of several queues some may have taken it.
        case .brokerNack: (503, "The broker did not accept the message", false)
        case .overloaded: (503, "Too much is waiting already", true)
        case .shuttingDown: (503, "Shutting down", true)
        case .noServers: (503, "No server answers", true)
        case .turnedOff: (501, "Turned off", false)
        case .notImplemented: (501, "Not implemented", false)
        case .incomplete: (503, "Not all servers have answered", true)
        // Trying again may deliver twice.
        case .confirmTimeout: (504, "The outcome is unknown", false)
        case .idempotencyKeyInFlight: (409, "The first request with this key is not answered yet", true)
        case .idempotencyKeyReused: (422, "The key belongs to another request", false)
        }
    }

    /// Whether the emit may have been delivered all the same.
    var isOutcomeUnknown: Bool { self == .confirmTimeout || self == .brokerNack }

    /// Where it is explained: a reference, relative to the request's URL (RFC 9457, section 3.1.1), to the gateway's own page.
    var type: String { "\(Problem.page)#\(rawValue)" }
    package var status: Int { meaning.status }
    package var title: String { meaning.title }
    /// Whether the same request can succeed later, and cannot have had an effect yet.
    package var isRetryable: Bool { meaning.retryable }
}

extension Problem {
    /// The path of the page on which each code has a heading.
    static let page = "/problems"

    /// The problem document, for the request of this id.
    func response(requestID: String) -> Response {
        var json = JSONWriter.bytes { write(to: &$0, requestID: requestID) }
        json.append(UInt8(ascii: "\n"))
        var response = Response(status: code.status, contentType: "application/problem+json", body: json)
        response.fields = fields
        response.code = code
        return response
    }

    /// The headers that go with its status.
    var fields: [ResponseField] {
        switch code.status {
        case 401: [ResponseField("WWW-Authenticate", "Bearer realm=\"socketio-gateway\"")]
        case 405: [ResponseField("Allow", allow ?? "")]
        case 409, 503: [ResponseField("Retry-After", "1")]
        case 429: [ResponseField("Retry-After", String((retryAfter ?? .seconds(1)).wholeSeconds))]
        default: []
        }
    }
}

extension Duration {
    /// The seconds, rounded up.
    var wholeSeconds: Int { Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0) }
}
