internal import Routes

/// The addresses at which the gateway listens.
struct Listeners {
    private struct Entry {
        let sockets: ListeningSockets
        let entrance: Entrance
    }

    private var entries: [Entry] = []

    /// Takes the addresses.
    init(_ configuration: Configuration) throws(ListeningSockets.Failure) {
        let door = configuration.adminAddress == nil ? Door.only : .callers
        try add(configuration.listenAddress, Entrance(door: door), configuration)
        if let https = configuration.https {
            try add(https.address, Entrance(door: door, isEncrypted: true), configuration)
        }
        if let admin = configuration.adminAddress {
            try add(admin, Entrance(door: .administration), configuration)
        }
    }

    private mutating func add(
        _ address: ListenAddress, _ entrance: Entrance, _ configuration: Configuration
    ) throws(ListeningSockets.Failure) {
        var entrance = entrance
        entrance.isUnix = address.path != nil
        let sockets = try ListeningSockets(
            address, count: configuration.loops, sharesPort: configuration.sharesPort, mode: configuration.socketMode)
        entries.append(Entry(sockets: sockets, entrance: entrance))
    }

    /// Whether only this machine can reach the gateway.
    var isLoopback: Bool { entries.allSatisfy(\.sockets.isLoopback) }

    /// The address for all callers, without TLS.
    var address: ListenAddress { entries[0].sockets.address }

    /// The address for callers with TLS.
    var httpsAddress: ListenAddress? { entries.first(where: \.entrance.isEncrypted)?.sockets.address }

    /// The address for health and metrics alone.
    var adminAddress: ListenAddress? { entries.first(where: { $0.entrance.door == .administration })?.sockets.address }

    /// Listens, once, and hands each loop its sockets.
    func listen(_ take: (_ loop: Int, _ descriptor: Int32, Entrance) -> Void) throws(ListeningSockets.Failure) {
        do throws(ListeningSockets.Failure) {
            for entry in entries {
                for (loop, descriptor) in try entry.sockets.listen().enumerated() {
                    take(loop, descriptor, entry.entrance)
                }
            }
        } catch {
            remove()
            throw error
        }
    }

    /// Removes the files of Unix sockets, so that clients do not find the way here any more. To be called once: the
    /// next gateway's file may be there soon.
    func remove() { for entry in entries { entry.sockets.remove() } }
}
