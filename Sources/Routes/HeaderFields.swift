/// The request headers that the gateway reads. All others are dropped unread, but for webhooks (``WebhookPaths``).
package enum HeaderName: String, Sendable, CaseIterable {
    case accessControlRequestMethod = "access-control-request-method"
    case authorization = "authorization"
    case contentEncoding = "content-encoding"
    case contentLength = "content-length"
    case contentType = "content-type"
    case expect = "expect"
    case host = "host"
    case idempotencyKey = "idempotency-key"
    case lastEventID = "last-event-id"
    case origin = "origin"
    case transferEncoding = "transfer-encoding"
    case apiKey = "x-api-key"
    case requestID = "x-request-id"
    case forwardedFor = "x-forwarded-for"
    case traceparent = "traceparent"
    case tracestate = "tracestate"

    /// Whether several of them are one list (RFC 9110, section 5.3). A list is no valid `traceparent`, and harms nobody.
    fileprivate var isList: Bool { self == .forwardedFor || self == .traceparent || self == .tracestate }

    /// The header of this name in any letter case.
    package init?(_ name: UnsafeBufferPointer<UInt8>) {
        // By length first: nearly every name is compared at most once.
        let (first, second) = Self.candidates(ofLength: name.count)
        if let first, first.matches(name) {
            self = first
        } else if let second, second.matches(name) {
            self = second
        } else {
            return nil
        }
    }

    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        let own = text
        // Eight bytes at once, the last eight again. Of letters, which have 0x40, the case is let pass.
        if own.utf8CodeUnitCount >= 8, let name = UnsafeRawPointer(name.baseAddress) {
            var index = 0
            while true {
                let expected = UnsafeRawPointer(own.utf8Start).loadUnaligned(fromByteOffset: index, as: UInt64.self)
                let anyCase = (expected & 0x4040_4040_4040_4040) >> 1
                let found = name.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                guard (found ^ expected) & ~anyCase == 0 else { return false }
                guard index < own.utf8CodeUnitCount - 8 else { return true }
                index = min(index + 8, own.utf8CodeUnitCount - 8)
            }
        }
        for index in 0..<own.utf8CodeUnitCount where own.utf8Start[index] != name[index] {
            // 0x20 turns upper case into lower, and other bytes into what they are not.
            guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(name[index]),
                own.utf8Start[index] == name[index] | 0x20
            else { return false }
        }
        return true
    }

    /// The same as `rawValue`, without a string.
    private var text: StaticString {
        switch self {
        case .accessControlRequestMethod: "access-control-request-method"
        case .authorization: "authorization"
        case .contentEncoding: "content-encoding"
        case .contentLength: "content-length"
        case .contentType: "content-type"
        case .expect: "expect"
        case .host: "host"
        case .idempotencyKey: "idempotency-key"
        case .lastEventID: "last-event-id"
        case .origin: "origin"
        case .transferEncoding: "transfer-encoding"
        case .apiKey: "x-api-key"
        case .requestID: "x-request-id"
        case .forwardedFor: "x-forwarded-for"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
        }
    }

    private static func candidates(ofLength length: Int) -> (HeaderName?, HeaderName?) {
        switch length {
        case 4: (.host, nil)
        case 6: (.expect, .origin)
        case 9: (.apiKey, nil)
        case 10: (.tracestate, nil)
        case 11: (.traceparent, nil)
        case 12: (.contentType, .requestID)
        case 13: (.authorization, .lastEventID)
        case 14: (.contentLength, nil)
        case 15: (.idempotencyKey, .forwardedFor)
        case 16: (.contentEncoding, nil)
        case 17: (.transferEncoding, nil)
        case 29: (.accessControlRequestMethod, nil)
        default: (nil, nil)
        }
    }
}

/// A request's header fields, by name. Those that have a ``HeaderName`` and are no lists are singletons: one that comes
/// twice is remembered as an error. Others may come more than once.
///
/// A field with a ``HeaderName`` is kept as bytes, one value behind the other, since most of it is compared and never shown. Of one that
/// came twice the first value is kept.
package struct HeaderFields: Sendable {
    private var bytes: [UInt8] = []
    /// Where in ``bytes`` a value stands, by the number of its name.
    private var parts = InlineArray<16, Part>(repeating: Part(start: 0, end: 0))
    /// Those that have no ``HeaderName``, with their names in lower case, in the order in which they came.
    private(set) var others: [(name: String, value: String)] = []
    /// Which names are there, as bits: most questions are about one that is not.
    private var present: UInt32 = 0
    /// The announced length of the body, in bytes; one that is no number, or that no `Int` holds, counts as the largest.
    private(set) var contentLength: Int?
    /// A header that came more than once.
    package private(set) var repeated: HeaderName?
    /// Whether a header says that a proxy has passed the request on. Proxies need not say so.
    package private(set) var isForwarded = false

    private struct Part {
        var start: UInt32
        var end: UInt32
    }

    package init() {
        // Most requests have no more.
        bytes.reserveCapacity(128)
    }

    package func contains(_ name: HeaderName) -> Bool { present & name.bit != 0 }

    private func range(of name: HeaderName) -> Range<Int> {
        let part = parts[name.number]
        return Int(part.start)..<Int(part.end)
    }

    package subscript(name: HeaderName) -> String? {
        withValue(of: name) { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of a value, without making a string of them; `nil` if it is not there.
    func withValue<Result>(of name: HeaderName, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result? {
        guard contains(name) else { return nil }
        let range = range(of: name)
        return bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[range])) }
    }

    package mutating func add(_ name: HeaderName, _ value: String) {
        var value = value
        value.withUTF8 { add(name, $0) }
    }

    package mutating func add(_ name: HeaderName, _ value: UnsafeBufferPointer<UInt8>) {
        if contains(name) {
            guard name.isList else {
                repeated = name
                return
            }
            let before = withValue(of: name) { Array($0) } ?? []
            (before + [UInt8(ascii: ",")] + value).withUnsafeBufferPointer { set(name, $0) }
            return
        }
        present |= name.bit
        if name == .contentLength { contentLength = Self.number(value) }
        set(name, value)
    }

    /// A head has a few KiB, and so few of them that all fit.
    private mutating func set(_ name: HeaderName, _ value: UnsafeBufferPointer<UInt8>) {
        let start = bytes.count
        bytes.append(contentsOf: value)
        parts[name.number] = Part(start: UInt32(start), end: UInt32(bytes.count))
    }

    /// Of digits alone; anything else is the largest.
    private static func number(_ digits: UnsafeBufferPointer<UInt8>) -> Int {
        guard !digits.isEmpty else { return .max }
        var number = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return .max }
            let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isLarger) = tens.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            guard !isTooLarge, !isLarger else { return .max }
            number = sum
        }
        return number
    }

    /// Looks at the name of a header, whether it is kept or not.
    ///
    /// - Parameter name: in any letter case.
    package mutating func noteForwarding(_ name: UnsafeBufferPointer<UInt8>) {
        if !isForwarded { isForwarded = ForwardingHeaders.contain(name) }
    }

    /// Puts a value in the place of what was sent, if it was.
    package mutating func replace(_ name: HeaderName, by value: String) {
        guard contains(name) else { return }
        var value = value
        value.withUTF8 { set(name, $0) }
    }

    /// - Parameter name: in lower case, and no ``HeaderName``'s.
    package mutating func add(other name: String, _ value: String) {
        others.append((name, value))
    }

    /// All values of a header, whatever it is.
    ///
    /// - Parameter name: in lower case.
    func values(named name: String) -> [String] {
        if let known = HeaderName(rawValue: name) { return self[known].map { [$0] } ?? [] }
        return others.compactMap { $0.name == name ? $0.value : nil }
    }

    /// The value of a header that came exactly once. Of two signatures nobody knows which one is meant.
    func single(_ name: String) -> String? {
        let values = values(named: name)
        return values.count == 1 ? values[0] : nil
    }
}

/// Where headers with any name are read: signatures, ids of deliveries, and what templates ask for.
package enum WebhookPaths {
    static let hook = "/v1/hooks/{name}"
    static let cloudEvents = "/v1/cloudevents"

    /// - Parameter path: ends in NUL. This is asked for every request, and most differ in their fifth byte.
    package static func contain(_ path: UnsafePointer<CChar>) -> Bool {
        beginning(of: path, is: "/v1/hooks/") || beginning(of: path, is: "/v1/cloudevents")
    }

    private static func beginning(of path: UnsafePointer<CChar>, is prefix: StaticString) -> Bool {
        for index in 0..<prefix.utf8CodeUnitCount
        where path[index] != CChar(truncatingIfNeeded: prefix.utf8Start[index]) {
            return false
        }
        return true
    }
}

/// The headers by which proxies say what they have passed on: RFC 7239, RFC 9110 (section 7.6.3), and what was there before.
enum ForwardingHeaders {
    private static let names: [StaticString] = ["forwarded", "via", "x-real-ip"]
    private static let prefix: StaticString = "x-forwarded-"

    /// - Parameter name: in any letter case.
    static func contain(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        switch name.first {
        case UInt8(ascii: "x"), UInt8(ascii: "X"), UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "v"),
            UInt8(ascii: "V"):
            begins(name, with: prefix)
                || names.contains { $0.utf8CodeUnitCount == name.count && begins(name, with: $0) }
        default: false
        }
    }

    private static func begins(_ name: UnsafeBufferPointer<UInt8>, with other: StaticString) -> Bool {
        guard name.count >= other.utf8CodeUnitCount else { return false }
        // 0x20 turns upper case into lower; on '-' it changes nothing.
        for index in 0..<other.utf8CodeUnitCount where name[index] | 0x20 != other.utf8Start[index] { return false }
        return true
    }
}

extension HeaderName {
    fileprivate var bit: UInt32 { 1 << UInt32(number) }

    /// Its place in `allCases`.
    var number: Int {
        switch self {
        case .accessControlRequestMethod: 0
        case .authorization: 1
        case .contentEncoding: 2
        case .contentLength: 3
        case .contentType: 4
        case .expect: 5
        case .host: 6
        case .idempotencyKey: 7
        case .lastEventID: 8
        case .origin: 9
        case .transferEncoding: 10
        case .apiKey: 11
        case .requestID: 12
        case .forwardedFor: 13
        case .traceparent: 14
        case .tracestate: 15
        }
    }
}
