/// libmicrohttpd's own answers to heads that it does not understand: lines of its log go in, the next step comes out.
///
/// To a Content-Length that is no number, or too large a one, it sends its head twice (0.9.75; mended in 1.0.1), which
/// proxies take for garbage. It writes to its log before it answers: that is the moment to answer ourselves. Its HTML
/// for 414, 431, 505 and other malformed heads has one head, and stays.
struct LibraryErrors {
    /// Whether these errors can be answered in libmicrohttpd's place: it depends on the words of its log.
    enum State {
        case untried, preventable, unpreventable
    }

    enum Refusal: Equatable {
        /// A Content-Length that is no number.
        case malformedLength
        /// A Content-Length that is too large for a number.
        case longLength
    }

    enum Action: Equatable {
        /// The head is to be answered here and now.
        case refuses(Refusal)
        /// Libmicrohttpd answers with this status.
        case notes(Int)
    }

    private(set) var state = State.untried
    /// Whether an error that libmicrohttpd is about to report has been answered already.
    private var isAnswered = false

    /// A line of the log.
    mutating func heard(_ message: String) -> Action? {
        if message.hasPrefix("Failed to parse `Content-Length' header") { return refuses(.malformedLength) }
        if message.hasPrefix("Too large value of 'Content-Length' header") { return refuses(.longLength) }
        guard let status = Self.status(in: message) else { return nil }
        // The one that was answered above is reported, too.
        defer { isAnswered = false }
        return isAnswered ? nil : .notes(status)
    }

    private func refuses(_ refusal: Refusal) -> Action? { state == .unpreventable ? nil : .refuses(refusal) }

    /// The head was answered.
    mutating func answered(isWhole: Bool) { isAnswered = isWhole }

    /// Notes the result of the try.
    ///
    /// - Parameter answer: the bytes that came back for a Content-Length that is no number. They should be one answer,
    ///   and ours.
    mutating func tried(_ answer: String) {
        let isOurs =
            answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("application/problem+json")
            && answer.ranges(of: "HTTP/1.1 ").count == 1
        state = isOurs ? .preventable : .unpreventable
    }

    /// "Error processing request (HTTP response code is 414 ('…')). Closing connection."
    private static func status(in message: String) -> Int? {
        let prefix = "Error processing request (HTTP response code is "
        guard message.hasPrefix(prefix) else { return nil }
        return Int(message.dropFirst(prefix.count).prefix { $0.isNumber })
    }

    /// Whether it is what libmicrohttpd takes for a length: digits that fit 64 bits.
    static func isLength(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) } && UInt64(text) != nil
    }
}
