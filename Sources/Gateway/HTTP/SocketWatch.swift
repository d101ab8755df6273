internal import AMQPBridge
internal import CSockets
internal import EventLoop
internal import Glibc
internal import Logging

/// A loop's own look at its sockets, beside libmicrohttpd's: it accepts connections, sees which clients have gone, and
/// drops bytes that are sent to connections that are over.
///
/// libmicrohttpd (0.9.75) does none of these well: it stops listening for ever when it has run out of descriptors, it
/// does not look at connections that wait for an answer, and it closes sockets with unread bytes in them.
///
/// `@unchecked Sendable`: touched on its loop's thread only. Properties that every turn of the loop looks at are not
/// checked for exclusive access, as in ``HTTPRequests``.
final class SocketWatch: EventSource, @unchecked Sendable {
    /// The daemons that take the connections: the plain one, and the one with TLS, if there is one. Made after the
    /// watch, and by the same.
    var daemons: [HTTPDaemon] = []
    /// Asks another loop to close a connection, when none of this one's can be.
    var askForRoom: () -> Void = {}

    private let epoll: Int32
    private let load: HTTPLoad
    private let logger: Logger
    private var listeners: [Listener] = []
    @exclusivity(unchecked) private var rest = ListenerRest()
    private var lingering = LingerTable()
    private var turn = MonotonicTime.now()
    @exclusivity(unchecked) private var nextSweep: MonotonicTime?

    private struct Listener {
        let descriptor: Int32
        let entrance: Entrance
    }

    /// So many connections are taken in one turn of the loop: others have something to do, too.
    private static let mostAtOnce = 64
    private static let sweepInterval: Duration = .milliseconds(500)

    init?(load: HTTPLoad, logger: Logger) {
        epoll = gateway_epoll()
        guard epoll >= 0 else { return nil }
        self.load = load
        self.logger = logger
    }

    deinit { close(epoll) }

    // MARK: EventSource

    var pollInterest: (descriptor: Int32, events: Int16)? { (epoll, Int16(POLLIN)) }

    var deadline: MonotonicTime? {
        guard let sweep = nextSweep else { return rest.end }
        return min(sweep, rest.end ?? sweep)
    }

    func process(events: Int16, now: MonotonicTime) {
        turn = now
        if rest.isOver(now: now) {
            for listener in listeners { gateway_epoll_add_listener(epoll, listener.descriptor) }
        }
        if events != 0 { takeEvents() }
        if let sweep = nextSweep, sweep <= now {
            for descriptor in lingering.due(now: now) { end(descriptor) }
            nextSweep = lingering.isEmpty ? nil : now + Self.sweepInterval
        }
    }

    func flush() {}

    private func takeEvents() {
        var ready: [Listener] = []
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 256) { descriptors in
            let count = gateway_epoll_take(epoll, descriptors.baseAddress!, 256)
            for descriptor in descriptors.prefix(Int(max(count, 0))) {
                if let listener = listeners.first(where: { $0.descriptor == descriptor }) {
                    ready.append(listener)
                } else if lingering.contains(descriptor) {
                    dropReceived(descriptor)
                } else {
                    for daemon in daemons { daemon.clientHasMoved(descriptor) }
                }
            }
        }
        // Last, for a new connection may get the number of one that has just been closed.
        for listener in ready { accept(from: listener, atMost: Self.mostAtOnce) }
    }

    // MARK: Accepting

    /// Takes connections from this socket, which listens and does not block; it is closed here.
    func listen(on descriptor: Int32, _ entrance: Entrance) {
        listeners.append(Listener(descriptor: descriptor, entrance: entrance))
        gateway_epoll_add_listener(epoll, descriptor)
    }

    /// Takes what has connected already, and nothing afterwards: closing a listener resets what it has not accepted.
    func stopListening(now: MonotonicTime) {
        guard !listeners.isEmpty else { return }
        turn = now
        for listener in listeners {
            accept(from: listener, atMost: .max)
            close(listener.descriptor)
        }
        listeners = []
        lingering.end(by: turn + .seconds(1))
    }

    private func accept(from listener: Listener, atMost most: Int) {
        var accepting = Accepting(atMost: most)
        var step = accepting.next(hasRoom: load.hasRoomForConnection)
        while true {
            switch step {
            case .accepts:
                let code = takeOne(of: listener)
                let hasRoom = load.hasRoomForConnection
                step = code == 0 ? accepting.next(hasRoom: hasRoom) : accepting.failed(code, hasRoom: hasRoom)
            case .looksWhoWaits: step = accepting.looked(somebodyWaits: isSomebodyWaiting(on: listener.descriptor))
            case .makesRoom:
                if !closeOne() { askForRoom() }
                step = accepting.madeRoom(hasRoom: load.hasRoomForConnection)
            case .rests(let shortage): return pause(shortage)
            case .isDone: return
            }
        }
    }

    /// - Returns: an error of `accept4(2)`; 0: none.
    private func takeOne(of listener: Listener) -> Int32 {
        var address = SocketAddress()
        let descriptor = address.fill { gateway_accept(listener.descriptor, $0, $1) }
        guard descriptor >= 0 else { return errno }
        if let daemon = daemons.first(where: { $0.isEncrypted == listener.entrance.isEncrypted }),
            daemon.connections.admit(address.ip)
        {
            daemon.add(descriptor, address, listener.entrance, now: turn)
        } else {
            close(descriptor)
        }
        return 0
    }

    private func isSomebodyWaiting(on listener: Int32) -> Bool {
        var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    /// Closes the connection that is needed least.
    ///
    /// - Returns: `false` if all are needed.
    @discardableResult
    func closeOne() -> Bool {
        guard let oldest = lingering.oldest() else {
            // Where there are most there is most likely one that is not needed.
            let sorted = daemons.sorted { $0.connections.all.count > $1.connections.all.count }
            return sorted.contains { $0.closeLeastNeeded(now: turn) }
        }
        load.evictions.add(1)
        end(oldest)
        return true
    }

    private func pause(_ shortage: Accepting.Shortage) {
        guard !listeners.isEmpty else { return }
        load.pauses.add(1)
        for listener in listeners { gateway_epoll_remove(epoll, listener.descriptor) }
        let (reason, resource): (String, String)
        switch shortage {
        case .connections: (reason, resource) = ("maxConnections", "connections")
        case .descriptors(let code):
            closeOne()
            (reason, resource) = (String(cString: strerror(code)), "descriptors")
        }
        guard rest.begin(reason, now: turn) else { return }
        logger.warning(
            "no new connections for a moment", metadata: ["reason": "\(reason)", "lacking": "\(resource)"])
    }

    // MARK: Departures

    /// Tells ``HTTPDaemon/clientHasMoved(_:)`` when the client closes its side.
    func watch(_ descriptor: Int32) { gateway_epoll_add_departure(epoll, descriptor) }

    /// Tells it once when the client of a watched connection says something, or closes its side.
    func awaitWord(_ descriptor: Int32) { gateway_epoll_await_readable(epoll, descriptor) }

    /// Watches the connection as ``watch(_:)`` does, after ``awaitWord(_:)``.
    func watchAgain(_ descriptor: Int32) { gateway_epoll_await_departure(epoll, descriptor) }

    func unwatch(_ descriptor: Int32) { gateway_epoll_remove(epoll, descriptor) }

    // MARK: Lingering

    /// Goes on reading what libmicrohttpd is about to close.
    ///
    /// - Returns: `false` if that cannot be done: it is closed, then.
    func linger(_ descriptor: Int32, countedAs: ClientAddress?) -> Bool {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return false }
        shutdown(copy, Int32(SHUT_WR))
        guard gateway_epoll_add_readable(epoll, copy) == 0 else {
            close(copy)
            return false
        }
        lingering.add(copy, countedAs: countedAs, now: turn)
        load.lingering.add(1)
        nextSweep = nextSweep ?? turn + Self.sweepInterval
        return true
    }

    private func dropReceived(_ descriptor: Int32) {
        // What is left is told again in the next turn.
        for _ in 0..<4 {
            let count = gateway_drop_received(descriptor)
            if count > 0 {
                lingering.heard(descriptor, now: turn)
            } else if count < 0, errno == EAGAIN || errno == EINTR {
                return
            } else {
                return end(descriptor)
            }
        }
    }

    private func end(_ descriptor: Int32) {
        guard let countedAs = lingering.remove(descriptor) else { return }
        close(descriptor)
        load.lingering.add(-1)
        load.closed(countedAs)
    }

    /// Closes all that is left.
    func endLingering() {
        for descriptor in lingering.all { end(descriptor) }
    }
}
