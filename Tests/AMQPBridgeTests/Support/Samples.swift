import JSON

@testable import AMQPBridge

extension JSONText {
    /// Arguments as a caller wrote them.
    init(_ text: String) {
        self.init(verbatim: Array(text.utf8)[...])
    }
}

extension Publication {
    var text: String { String(decoding: body, as: UTF8.self) }
}

extension MonotonicTime {
    /// A point in a test's own time.
    static func seconds(_ seconds: Double) -> MonotonicTime {
        MonotonicTime(nanoseconds: Int64(seconds * 1_000_000_000))
    }
}
