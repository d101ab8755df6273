/// The messages that carry out one command, in order: at least one. Nearly always it is one, for which no memory is
/// taken as for a list.
public struct Publications: Sendable, Equatable {
    public let first: Publication
    /// Those behind the first.
    public let others: [Publication]

    public init(_ first: Publication, others: [Publication] = []) {
        self.first = first
        self.others = others
    }

    /// - Parameter all: at least one.
    public init(_ all: [Publication]) {
        self.init(all[0], others: Array(all.dropFirst()))
    }

    /// The bytes that they take on the wire, about.
    package var encodedSize: Int { first.encodedSize + others.encodedSize }

    /// The same messages, in this trace.
    package func with(_ trace: TraceContext) -> Publications {
        Publications(first.with(trace), others: others.with(trace))
    }
}

extension Publications: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { others.count + 1 }

    public subscript(index: Int) -> Publication { index == 0 ? first : others[index - 1] }
}
