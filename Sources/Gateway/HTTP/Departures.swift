/// Clients that have left: those that have to be looked at, and those that are when their answer is on its way.
///
/// libmicrohttpd (0.9.75) does not always see that a client has gone: not while its request waits for a handler, and
/// not when its last bytes and the end came together. Bytes that have come before are read first.
struct Departures {
    /// The finding of a look at a connection whose client has left.
    enum Finding {
        /// Nothing waits for it: it ends as soon as there is nothing left to read.
        case hasToBeRead
        /// It waits for a handler, or for its answer to leave. It is looked at again after that.
        case waits
        /// Its answer would go on for ever: it ends now.
        case ends
    }

    private var gone: Set<Int32> = []
    private var due: Set<Int32> = []

    /// Whether a connection has to be looked at.
    var areDue: Bool { !due.isEmpty }

    func contains(_ descriptor: Int32) -> Bool { gone.contains(descriptor) }

    /// A client has closed its side, or its sending half.
    mutating func add(_ descriptor: Int32) {
        gone.insert(descriptor)
        due.insert(descriptor)
    }

    /// The answer to a client is on its way, or has left.
    mutating func answered(_ descriptor: Int32) {
        if !gone.isEmpty, gone.contains(descriptor) { due.insert(descriptor) }
    }

    /// Its connection is closed; the descriptor may be another's soon.
    mutating func remove(_ descriptor: Int32) {
        guard !gone.isEmpty else { return }
        gone.remove(descriptor)
        due.remove(descriptor)
    }

    /// Looks at the connections that are due.
    ///
    /// - Parameters:
    ///   - find: the finding at one of them.
    ///   - hasUnread: whether one has bytes that were not read.
    /// - Returns: the connections to end.
    mutating func look(_ find: (Int32) -> Finding, hasUnread: (Int32) -> Bool) -> [Int32] {
        var over: [Int32] = []
        for descriptor in due {
            switch find(descriptor) {
            case .waits: due.remove(descriptor)
            case .ends:
                due.remove(descriptor)
                over.append(descriptor)
            case .hasToBeRead where hasUnread(descriptor): break
            case .hasToBeRead:
                due.remove(descriptor)
                over.append(descriptor)
            }
        }
        return over
    }
}
