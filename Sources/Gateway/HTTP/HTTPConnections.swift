internal import AMQPBridge
internal import CSockets
internal import EventLoop
internal import Routes
internal import Synchronization

/// The open connections of one event loop, and which of them have to go.
///
/// `@unchecked Sendable`: touched on its loop's thread only, except ``openCount``.
final class HTTPConnections: @unchecked Sendable {
    let openCount = Atomic<Int>(0)
    @exclusivity(unchecked) var departures = Departures()
    /// The proxies whose word on where requests come from is taken. Changed on the loop's thread only.
    @exclusivity(unchecked) var proxies: TrustedProxies
    @exclusivity(unchecked) private(set) var all: [Int32: HTTPConnection] = [:]
    private var idle = IdleConnections()
    private let load: HTTPLoad
    private let sockets: SocketWatch

    init(load: HTTPLoad, sockets: SocketWatch, proxies: TrustedProxies) {
        self.load = load
        self.sockets = sockets
        self.proxies = proxies
    }

    /// Whether a connection from there may come.
    func admit(_ address: IPAddress) -> Bool { load.hasRoom(forAddress: counted(address)) }

    /// The client that a connection from there counts against; `nil`: it comes from a proxy, which has many clients.
    private func counted(_ address: IPAddress) -> ClientAddress? {
        proxies.contains(address) ? nil : ClientAddress(address)
    }

    func open(
        _ handle: OpaquePointer, _ session: UnsafeMutableRawPointer?, _ descriptor: Int32, _ address: IPAddress,
        _ door: Door, _ times: ConnectionTimes, of requests: HTTPRequests, isCounted: Bool
    ) -> HTTPConnection {
        let connection = HTTPConnection(
            requests: requests, handle: handle, session: session, descriptor: descriptor, address: address, door: door,
            countedAs: counted(address),
            isCounted: isCounted, times: times)
        all[descriptor] = connection
        openCount.add(1, ordering: .relaxed)
        if isCounted { load.opened(connection.countedAs) }
        sockets.watch(descriptor)
        return connection
    }

    /// The last moment at which the descriptor is open.
    ///
    /// - Parameter mayLinger: whether the loop goes on.
    func closed(_ connection: HTTPConnection, mayLinger: Bool) {
        let descriptor = connection.descriptor
        connection.closed()
        all[descriptor] = nil
        departures.remove(descriptor)
        openCount.subtract(1, ordering: .relaxed)
        sockets.unwatch(descriptor)
        let lingers =
            mayLinger && connection.isCounted
            && LingerTable.isNeeded(
                isCut: connection.cut != nil, hasUnreadBody: connection.hasUnreadBody,
                readableBytes: gateway_readable_bytes(descriptor))
        if lingers, sockets.linger(descriptor, countedAs: connection.countedAs) { return }
        if connection.isCounted { load.closed(connection.countedAs) }
    }

    /// Cuts every connection that has not got on in time.
    func endLate(now: MonotonicTime) {
        for connection in all.values where connection.times.isLate(now: now) { connection.end(.late) }
    }

    /// Ends the connections whose clients have left, as far as nothing waits for them.
    ///
    /// - Parameter ended: is called with each of them.
    func endDeparted(_ ended: (HTTPConnection) -> Void) {
        guard departures.areDue else { return }
        let over = departures.look {
            all[$0]?.served?.exchange.clientLeft() ?? .hasToBeRead
        } hasUnread: {
            all[$0]?.hasUnread ?? false
        }
        for descriptor in over {
            guard let connection = all[descriptor] else { continue }
            connection.end(.clientLeft)
            ended(connection)
        }
    }

    /// Ends the connection that is needed least: the one that has been idle longest, or waits for nothing but its
    /// client.
    ///
    /// - Returns: `false` if all are needed.
    func endLeastNeeded(now: MonotonicTime) -> Bool {
        let longest = idle.next {
            all.values.lazy.compactMap { connection in
                guard let since = connection.times.expendableFrom, since <= now else { return nil }
                return .init(descriptor: connection.descriptor, since: since)
            }
        } isStill: {
            guard let connection = all[$0.descriptor], connection.times.expendableFrom == $0.since else {
                return false
            }
            return connection.served != nil || isIdle(connection)
        }
        guard let longest, let connection = all[longest] else { return false }
        connection.end(.unneeded)
        // libmicrohttpd closes it in its next run; its place is free now.
        connection.isCounted = false
        load.closed(connection.countedAs)
        load.evictions.add(1)
        return true
    }

    /// Ends the connections of clients that have asked nothing, or have been refused and go on.
    func endUnneeded(now: MonotonicTime) {
        for connection in all.values {
            let isUnneeded =
                switch connection.served?.exchange.phase {
                case nil: isIdle(connection)
                case .discarding: true
                case .sent, .streaming: connection.times.isExpendable(now: now)
                case .receiving, .working: false
                }
            if isUnneeded { connection.end(.unneeded) }
        }
    }

    /// Whether no request has come that was not read yet.
    private func isIdle(_ connection: HTTPConnection) -> Bool {
        connection.incoming == nil && !connection.hasUnread
    }
}
