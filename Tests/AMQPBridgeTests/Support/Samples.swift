import JSON

@testable import AMQPBridge

extension JSONText {
    /// Arguments as a caller wrote them.
    init(_ text: String) {
        self.init(verbatim: Array(text.utf8)[...])
    }
}
