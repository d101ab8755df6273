/// Connections with TLS that have asked nothing yet: those that libmicrohttpd may go on with, and those that wait for
/// their clients.
///
/// libmicrohttpd (0.9.75) believes for as long as a handshake takes that there is something to read, and tries so in
/// every run: 500 clients that stand still would cost every run of the loop a millisecond. So a connection without
/// bytes to read is suspended, and resumed when some have come.
struct Greetings {
    private(set) var awake: Set<Int32> = []
    private(set) var asleep: Set<Int32> = []
    /// Whether no connection falls asleep any more.
    private var isOver = false

    mutating func opened(_ descriptor: Int32) { awake.insert(descriptor) }

    /// Takes out a connection that has asked something, or is closed.
    mutating func ended(_ descriptor: Int32) {
        guard awake.remove(descriptor) == nil else { return }
        asleep.remove(descriptor)
    }

    /// A socket has something to say.
    ///
    /// - Returns: whether its connection slept.
    mutating func heard(_ descriptor: Int32) -> Bool {
        guard asleep.remove(descriptor) != nil else { return false }
        awake.insert(descriptor)
        return true
    }

    /// A run is over.
    ///
    /// - Parameter hasUnread: whether there is something to read.
    /// - Returns: the connections that fall asleep.
    mutating func settle(hasUnread: (Int32) -> Bool) -> [Int32] {
        guard !isOver else { return [] }
        let tired = awake.filter { !hasUnread($0) }
        awake.subtract(tired)
        asleep.formUnion(tired)
        return Array(tired)
    }

    /// The gateway ends.
    ///
    /// - Returns: the connections that slept.
    mutating func end() -> [Int32] {
        isOver = true
        defer {
            awake.formUnion(asleep)
            asleep = []
        }
        return Array(asleep)
    }
}
