internal import AMQPBridge
internal import EventLoop
internal import Synchronization

/// The load of the whole process, over all event loops: connections, also by address, requests, and bytes. Loops count
/// the latter two by their ``LoopLoad``.
final class HTTPLoad: Sendable {
    struct Limits: Sendable, Equatable {
        var connections = 10_000
        /// The most connections of one client, and of its requests through trusted proxies. 0: as many as there may be
        /// at all.
        var connectionsPerAddress = 0
        /// Requests that have begun and are not answered, whether their clients still wait or not.
        var requests = 10_000
        /// Bytes of request bodies that have come and are not answered, and of answers that have not left.
        var bodyBytes = 256 << 20
    }

    let limits: Limits
    /// The number of times that a listener has rested because something had run out.
    let pauses = Counter()
    /// Connections that were closed to make room for others.
    let evictions = Counter()
    /// Connections that are over and are still read; they are among ``openConnections``.
    let lingering = Gauge()
    private let connections = Atomic<Int>(0)
    private let requests = Atomic<Int>(0)
    private let heldBytes = Atomic<Int>(0)
    private let byAddress = Mutex<[ClientAddress: Int]>([:])

    init(limits: Limits) {
        self.limits = limits
    }

    /// Whether one more connection may come. Two loops that ask at the same time can both be told yes.
    var hasRoomForConnection: Bool { connections.load(ordering: .relaxed) < limits.connections }

    /// Whether one more connection from `address` may come; `nil`: from a proxy, which has many clients.
    func hasRoom(forAddress address: ClientAddress?) -> Bool {
        guard let address, limits.connectionsPerAddress > 0 else { return true }
        return byAddress.withLock { $0[address, default: 0] } < limits.connectionsPerAddress
    }

    func opened(_ address: ClientAddress?) {
        connections.add(1, ordering: .relaxed)
        if let address { _ = add(address) }
    }

    func closed(_ address: ClientAddress?) {
        connections.subtract(1, ordering: .relaxed)
        if let address { remove(address) }
    }

    /// Counts one more request that a client has sent through a proxy, as if it were a connection. Returns `false` if
    /// it is one too many; it is counted all the same.
    func began(from client: ClientAddress) -> Bool { add(client) }

    func ended(from client: ClientAddress) { remove(client) }

    /// Returns whether there are now no more than allowed.
    private func add(_ address: ClientAddress) -> Bool {
        guard limits.connectionsPerAddress > 0 else { return true }
        return byAddress.withLock { byAddress in
            byAddress[address, default: 0] += 1
            return byAddress[address, default: 0] <= limits.connectionsPerAddress
        }
    }

    private func remove(_ address: ClientAddress) {
        guard limits.connectionsPerAddress > 0 else { return }
        byAddress.withLock { byAddress in
            let left = byAddress[address, default: 1] - 1
            byAddress[address] = left > 0 ? left : nil
        }
    }

    var openConnections: Int { connections.load(ordering: .relaxed) }

    /// See ``LoopLoad``.
    func addRequests(_ count: Int) { requests.add(count, ordering: .relaxed) }

    func addBodyBytes(_ count: Int) { heldBytes.add(count, ordering: .relaxed) }

    /// Bytes of bodies and answers, as far as the loops have told.
    var bodyBytes: Int { heldBytes.load(ordering: .relaxed) }

    /// Requests under way, as far as the loops have told.
    var requestsInFlight: Int { requests.load(ordering: .relaxed) }
}

/// The client at the other end, as far as limits tell clients apart: an IPv4 address, or an IPv6 /64, which is what one
/// subscriber has.
struct ClientAddress: Hashable, Sendable {
    private let prefix: UInt64

    init(_ address: IPAddress) {
        prefix = address.subscriberPrefix
    }
}
