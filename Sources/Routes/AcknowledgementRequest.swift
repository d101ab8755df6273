internal import AMQPBridge
internal import JSON

/// `"ack": {"mode": "all", "timeoutMs": 5000}`: that answers are waited for, and for how long.
struct AcknowledgementRequest: Equatable {
    var mode = AcknowledgementMode.all
    /// `nil`: as long as usual.
    var timeout: Duration?

    /// - Parameters:
    ///   - hasMode: whether there is a choice of how many are waited for.
    ///   - fault: gets everything that is wrong.
    init(_ value: borrowing JSONView, hasMode: Bool, fault: (Problem.Place) -> Void) {
        func fail(_ pointer: String, _ detail: String) { fault(.init(pointer, detail)) }
        if value.kind != .object { fail("/ack", "must be an object") }
        value.forEachMember { key, value in
            switch key {
            case "mode" where hasMode:
                guard let mode = value.string.flatMap({ AcknowledgementMode(rawValue: $0) }) else {
                    return fail("/ack/mode", "must be \"all\" or \"first\"")
                }
                self.mode = mode
            case "timeoutMs":
                guard let milliseconds = value.integer, Fields.timeouts.contains(milliseconds) else {
                    let (least, most) = (Fields.timeouts.lowerBound, Fields.timeouts.upperBound)
                    return fail("/ack/timeoutMs", "must be a whole number from \(least) to \(most)")
                }
                timeout = .milliseconds(milliseconds)
            default: fault(.unknown(key.text, in: "/ack", among: hasMode ? ["mode", "timeoutMs"] : ["timeoutMs"]))
            }
        }
    }
}
