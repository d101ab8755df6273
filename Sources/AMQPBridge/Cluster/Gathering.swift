/// Gathers the answers of servers to one question. Lives on one thread: the cluster client's, or an event loop's.
protocol Gathering<Answer>: AnyObject {
    associatedtype Answer: Sendable

    /// Takes a server's answer.
    func take(_ answer: ServerMessage) -> GatheringProgress
    /// Takes what a server says instead of an answer that was too large to be sent.
    func takeTooLarge(_ answer: ServerMessage) -> GatheringProgress
    /// The result of all answers that have come.
    var result: Answer { get }
    /// The size of the parts of answers that are kept, in bytes.
    var heldBytes: Int { get }
    /// Whether it keeps no more than a page, whatever comes.
    var isBounded: Bool { get }
}

extension Gathering {
    func takeTooLarge(_ answer: ServerMessage) -> GatheringProgress { .tooLarge(isLast: true) }
    /// Numbers take nothing.
    var heldBytes: Int { 0 }
    var isBounded: Bool { true }
}

enum GatheringProgress: Equatable {
    /// The answer says nothing that was asked for.
    case ignored
    /// More will come from this server.
    case partial
    /// The server has given all of its answer.
    case done
    /// The server could not send all, for its size.
    case tooLarge(isLast: Bool)
    /// No further answer is needed.
    case finished
}

extension String {
    /// Whether the string comes first by code point, as servers sort. (`<` compares canonically equivalent strings as
    /// equal.)
    func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
