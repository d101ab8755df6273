/// The request headers that the gateway reads; all others are dropped unread.
public enum HeaderName: String, Sendable, CaseIterable {
    case authorization = "authorization"
    case contentEncoding = "content-encoding"
    case contentLength = "content-length"
    case contentType = "content-type"
    case expect = "expect"
    case host = "host"
    case idempotencyKey = "idempotency-key"
    case origin = "origin"
    case transferEncoding = "transfer-encoding"
    case apiKey = "x-api-key"
    case requestID = "x-request-id"

    /// The header of this name in any letter case.
    public init?(_ name: UnsafeBufferPointer<UInt8>) {
        // No two that matter for every request have the same length, so nearly all names are compared at most once.
        for candidate in Self.byLength[min(name.count, Self.byLength.count - 1)] where candidate.matches(name) {
            self = candidate
            return
        }
        return nil
    }

    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        // 0x20 turns upper case into lower; on '-' it changes nothing.
        zip(rawValue.utf8, name).allSatisfy { $0 == $1 | 0x20 }
    }

    /// The names of each length; the last list, for all that are longer, is empty.
    private static let byLength: [[HeaderName]] = (0...32).map { length in
        allCases.filter { $0.rawValue.utf8.count == length }
    }
}

/// A request's header fields, by name. All of them are singletons: one that comes twice is remembered as an error.
public struct HeaderFields: Sendable {
    private var values: [(name: HeaderName, value: String)] = []
    /// A header that came more than once.
    public private(set) var repeated: HeaderName?

    public init() {}

    public subscript(name: HeaderName) -> String? {
        values.first { $0.name == name }?.value
    }

    public mutating func add(_ name: HeaderName, _ value: String) {
        if self[name] != nil { repeated = name }
        values.append((name, value))
    }
}
