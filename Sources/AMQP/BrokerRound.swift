internal import EventLoop

/// Tries brokers, and all addresses of each, one after the other until one lets us in. Blocks, so call it on a thread
/// that may wait.
struct BrokerRound {
    /// A broker that has not let us in.
    struct Failure: Equatable, Sendable {
        let endpoint: BrokerEndpoint
        let error: BrokerError
    }

    /// The brokers in the order in which they are tried.
    let endpoints: [BrokerEndpoint]
    /// The name under which RabbitMQ's management shows the connection.
    let name: String
    let keeping: ContentKeeping
    let heartbeat: Duration
    /// The time for all brokers together. Each gets its share of what is left, so that one that never answers leaves
    /// time for the others.
    let timeout: Duration

    init(_ endpoints: [BrokerEndpoint], _ configuration: BrokerLink.Configuration, keeping: ContentKeeping) {
        self.endpoints = endpoints
        name = configuration.connectionName
        self.keeping = keeping
        heartbeat = configuration.heartbeat
        timeout = endpoints.compactMap(\.connectTimeout).max() ?? configuration.connectTimeout
    }

    /// - Parameter failures: where the brokers go that have not let us in, also when another one has.
    /// - Throws: the reason why no broker has let us in; with several brokers, the reason of each.
    func connect(_ failures: inout [Failure]) throws(BrokerError) -> AMQPConnection {
        var left = timeout.nanoseconds
        for (index, endpoint) in endpoints.enumerated() {
            do throws(BrokerError) {
                return try connect(to: endpoint, within: left / Int64(endpoints.count - index), of: &left)
            } catch {
                failures.append(Failure(endpoint: endpoint, error: error))
            }
        }
        guard failures.count > 1 else { throw failures.first?.error ?? BrokerError("there is no broker") }
        let texts = failures.map { "\($0.endpoint.place): \($0.error)" }
        throw BrokerError(
            texts.joined(separator: "; "), cause: failures.lazy.map(\.error.cause).first { $0 != .other } ?? .other)
    }

    /// - Parameters:
    ///   - share: the time for all addresses together, in nanoseconds. Name servers have their own time: they cannot be
    ///     hurried.
    ///   - left: the time for all brokers, in nanoseconds; what this one took is taken away.
    private func connect(
        to endpoint: BrokerEndpoint, within share: Int64, of left: inout Int64
    ) throws(BrokerError) -> AMQPConnection {
        let addresses: [TCPSocket.Address]
        do throws(TCPSocket.Failure) {
            addresses = try TCPSocket.addresses(of: endpoint.host, port: endpoint.port)
        } catch {
            throw BrokerError(error.description)
        }
        let start = MonotonicTime.now()
        defer { left = max(0, left - (MonotonicTime.now().nanoseconds - start.nanoseconds)) }
        return try connect(to: addresses, of: endpoint, until: start.advanced(byNanoseconds: share))
    }

    private func connect(
        to addresses: [TCPSocket.Address], of endpoint: BrokerEndpoint, until deadline: MonotonicTime
    ) throws(BrokerError) -> AMQPConnection {
        var failures: [(address: TCPSocket.Address, error: BrokerError)] = []
        for (index, address) in addresses.enumerated() {
            do throws(BrokerError) {
                let now = MonotonicTime.now()
                let share = max(0, deadline.nanoseconds - now.nanoseconds) / Int64(addresses.count - index)
                return try connect(to: address, of: endpoint, until: now.advanced(byNanoseconds: share))
            } catch {
                failures.append((address, error))
                // The broker has spoken: it would not say anything else elsewhere, unless it is this node that refuses.
                if error.cause != .other, error.cause != .refused { break }
            }
        }
        guard let last = failures.last else { throw BrokerError("no such host") }
        if failures.allSatisfy({ $0.error == last.error }) { throw last.error }
        let texts = failures.map { "\($0.address): \($0.error)" }
        throw BrokerError(texts.joined(separator: ", "), cause: last.error.cause)
    }

    private func connect(
        to address: TCPSocket.Address, of endpoint: BrokerEndpoint, until deadline: MonotonicTime
    ) throws(BrokerError) -> AMQPConnection {
        let descriptor: Int32
        do throws(TCPSocket.Failure) {
            descriptor = try TCPSocket.connect(to: address, until: deadline)
        } catch {
            throw BrokerError(error.description)
        }
        return try AMQPConnection(
            on: descriptor, to: endpoint, name: name, keeping: keeping, heartbeat: heartbeat, until: deadline)
    }
}
