internal import AMQPBridge
internal import Glibc

/// A request's method, as far as routes tell them apart.
package enum HTTPMethod: String, Sendable, CaseIterable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
    case options = "OPTIONS"
    /// Any other; no route takes it.
    case other = "other"

    /// - Parameter name: as it was sent; ends in NUL.
    package init(_ name: UnsafePointer<CChar>) {
        // By its first byte, which only POST, PUT and PATCH have in common.
        let candidates: (HTTPMethod, HTTPMethod, HTTPMethod) =
            switch UInt8(truncatingIfNeeded: name[0]) {
            case UInt8(ascii: "P"): (.post, .put, .patch)
            case UInt8(ascii: "G"): (.get, .get, .get)
            case UInt8(ascii: "H"): (.head, .head, .head)
            case UInt8(ascii: "D"): (.delete, .delete, .delete)
            case UInt8(ascii: "O"): (.options, .options, .options)
            default: (.other, .other, .other)
            }
        if candidates.0.isNamed(name) {
            self = candidates.0
        } else if candidates.1.isNamed(name) {
            self = candidates.1
        } else {
            self = candidates.2.isNamed(name) ? candidates.2 : .other
        }
    }

    private func isNamed(_ name: UnsafePointer<CChar>) -> Bool { strcmp(text.cString, name) == 0 }

    /// The same as `rawValue`, without a string.
    private var text: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other: "other"
        }
    }
}

/// The part of a request before its body. An object, for many look at it and it is large to copy.
package final class RequestHead: Sendable {
    package let method: HTTPMethod
    /// The path as it was sent: percent escapes are not decoded.
    package let path: String
    /// The text behind the `?`, as it was sent; empty if there is none.
    package let query: String
    /// HTTP/1.0 knows no `Host` and no chunked bodies.
    package let isHTTP10: Bool
    package let fields: HeaderFields
    package let isChunked: Bool
    /// See ``ambiguity(of:isHTTP10:)``; `nil`: there is none.
    let ambiguity: String?

    package init(
        method: HTTPMethod, path: String, query: String = "", isHTTP10: Bool = false,
        fields: consuming HeaderFields = HeaderFields()
    ) {
        self.query = query
        self.method = method
        self.path = path
        self.isHTTP10 = isHTTP10
        isChunked = fields.contains(.transferEncoding)
        ambiguity = Self.ambiguity(of: fields, isHTTP10: isHTTP10)
        self.fields = fields
    }

    /// A number that no `Int` holds counts as the largest.
    package var contentLength: Int? { fields.contentLength }
    package var announcesBody: Bool { isChunked || (contentLength ?? 0) > 0 }
}

extension RequestHead {
    /// Where the request stands in a distributed trace; `nil` if it says nothing valid about that.
    var trace: TraceContext? {
        fields[.traceparent].flatMap { TraceContext(traceparent: $0, tracestate: fields[.tracestate]) }
    }

    /// Ambiguities by which two parties read different requests out of the same bytes; libmicrohttpd lets all of it through
    /// (observed, 0.9.75). RFC 9112, sections 3.2, 6.1 and 6.3.
    private static func ambiguity(of fields: borrowing HeaderFields, isHTTP10: Bool) -> String? {
        if let name = fields.repeated { return "the header \(name.rawValue) comes twice" }
        if fields.contains(.transferEncoding), fields.contains(.contentLength) {
            return "both Content-Length and Transfer-Encoding"
        }
        if let coding = fields[.transferEncoding] {
            if coding.lowercased() != "chunked" { return "a transfer coding other than chunked" }
            if isHTTP10 { return "Transfer-Encoding in HTTP/1.0" }
        }
        if fields.withValue(of: .contentLength, isNumber) == false {
            return "a Content-Length that is not a number"
        }
        if !fields.contains(.host), !isHTTP10 { return "no Host header" }
        return nil
    }

    private static func isNumber(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        !text.isEmpty && text.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

extension StaticString {
    /// The text as C reads it: a static string ends in NUL.
    @inlinable package var cString: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
