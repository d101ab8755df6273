/// The place of a command in a distributed trace (W3C Trace Context, level 2). It is passed on as it came.
///
/// A class: a command without a trace is larger by a pointer, and no dearer to copy.
public final class TraceContext: Sendable {
    /// `version-traceid-parentid-flags`.
    public let traceparent: String
    /// The additions of systems on the way; `nil`: none.
    public let tracestate: String?

    private static let length = 55
    /// The most bytes of either. Of `tracestate` so much should be passed on at least (section 3.3.1.5).
    private static let mostBytes = 512

    /// - Parameter tracestate: dropped unless it is printable ASCII of at most 512 bytes.
    /// - Returns: `nil` unless `traceparent` is valid (section 3.2.2). Versions that are not known yet may have more
    ///   behind a dash (section 3.2.4). One with a comma is none: it is several headers that were joined.
    public init?(traceparent: String, tracestate: String? = nil) {
        guard Self.isValid(traceparent) else { return nil }
        self.traceparent = traceparent
        self.tracestate = tracestate.flatMap { Self.isPrintable($0) ? $0 : nil }
    }

    /// 32 hexadecimal digits.
    public var traceID: String { String(traceparent.dropFirst(3).prefix(32)) }

    private static func isValid(_ text: String) -> Bool {
        let bytes = Array(text.utf8.prefix(mostBytes + 1))
        guard bytes.count >= length, isPrintable(text), !bytes.contains(UInt8(ascii: ",")) else { return false }
        let (version, trace, parent, flags) = (bytes[0..<2], bytes[3..<35], bytes[36..<52], bytes[53..<55])
        guard [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }),
            [version, trace, parent, flags].allSatisfy({ $0.allSatisfy(isLowerCaseHexadecimal) }),
            !version.elementsEqual("ff".utf8), !isZero(trace), !isZero(parent)
        else { return false }
        return bytes.count == length || !isZero(version) && bytes[length] == UInt8(ascii: "-")
    }

    private static func isZero(_ digits: ArraySlice<UInt8>) -> Bool { digits.allSatisfy { $0 == UInt8(ascii: "0") } }

    private static func isLowerCaseHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func isPrintable(_ text: String) -> Bool {
        (1...mostBytes).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
}

extension TraceContext: Equatable {
    public static func == (lhs: TraceContext, rhs: TraceContext) -> Bool {
        lhs.traceparent == rhs.traceparent && lhs.tracestate == rhs.tracestate
    }
}
