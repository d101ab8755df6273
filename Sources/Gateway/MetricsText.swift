internal import AMQPBridge
internal import Glibc
internal import Routes
internal import Synchronization

/// The gateway's numbers in Prometheus' text format, version 0.0.4.
struct MetricsText {
    private var text = ""

    static func render(_ servers: [LoopServer], load: HTTPLoad, cluster: ClusterCounters, wireFormat: String) -> [UInt8]
    {
        var metrics = MetricsText()
        metrics.family("gateway_info", "gauge", "The gateway's version and wire format.")
        metrics.sample("gateway_info", ["version": GatewayCommand.version, "wire_format": wireFormat], 1)
        metrics.requests(servers)
        metrics.publications(servers.map(\.link.counters))
        metrics.broker(servers.map(\.link))
        metrics.channels(servers.map(\.link.counters.channelsClosed) + [cluster.channelsClosed])
        metrics.questions(cluster)
        metrics.family("gateway_http_requests_in_flight", "gauge", "Requests that have begun and are not answered.")
        metrics.sample("gateway_http_requests_in_flight", [:], UInt64(max(0, load.requestsInFlight)))
        metrics.family("gateway_http_connections", "gauge", "Open client connections.")
        metrics.sample("gateway_http_connections", [:], UInt64(max(0, load.openConnections)))
        metrics.family("gateway_http_connections_lingering", "gauge", "Refused connections that are still read.")
        metrics.sample("gateway_http_connections_lingering", [:], UInt64(max(0, load.lingering.value)))
        metrics.family("gateway_http_connections_evicted_total", "counter", "Idle connections closed to make room.")
        metrics.sample("gateway_http_connections_evicted_total", [:], load.evictions.value)
        metrics.family(
            "gateway_http_accept_pauses_total", "counter",
            "Times that no connections were taken for a moment, for want of descriptors or room.")
        metrics.sample("gateway_http_accept_pauses_total", [:], load.pauses.value)
        metrics.family("process_resident_memory_bytes", "gauge", "Resident memory.")
        metrics.sample("process_resident_memory_bytes", [:], residentBytes)
        return Array(metrics.text.utf8)
    }

    private mutating func requests(_ servers: [LoopServer]) {
        family("gateway_http_requests_total", "counter", "Requests answered, by route, method and status.")
        var totals: [[String]: UInt64] = [:]
        for sample in servers.flatMap(\.router.counters.samples) {
            totals[[sample.route, sample.method, String(sample.status)], default: 0] += sample.count
        }
        for (key, count) in totals.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            sample("gateway_http_requests_total", ["route": key[0], "method": key[1], "status": key[2]], count)
        }
    }

    private mutating func publications(_ counters: [PublisherCounters]) {
        family("gateway_publications_total", "counter", "AMQP messages settled, by outcome.")
        func total(_ number: (PublisherCounters) -> UInt64) -> UInt64 { counters.reduce(0) { $0 + number($1) } }
        for (outcome, number) in [
            ("failed", total { $0.failed.value }), ("routed", total { $0.routed.value }),
            ("unknown", total { $0.unknown.value }), ("unrouted", total { $0.unrouted.value }),
        ] {
            sample("gateway_publications_total", ["outcome": outcome], number)
        }
        family("gateway_confirm_timeouts_total", "counter", "Messages that the broker did not confirm in time.")
        sample("gateway_confirm_timeouts_total", [:], total { $0.timedOut.value })
        family("gateway_broker_connects_total", "counter", "Connections to the broker that were opened.")
        sample("gateway_broker_connects_total", [:], total { $0.connects.value })
    }

    private mutating func broker(_ links: [BrokerLink]) {
        family("gateway_broker_connections", "gauge", "Event loops by the state of their broker connection.")
        let states: [(String, BrokerLink.Status)] = [
            ("blocked", .blocked), ("disconnected", .disconnected), ("ready", .ready),
        ]
        let statuses = links.map(\.status)
        for (name, status) in states {
            sample("gateway_broker_connections", ["state": name], UInt64(statuses.count { $0 == status }))
        }
    }

    private mutating func channels(_ counters: [ChannelCloseCounters]) {
        family(
            "gateway_broker_channels_closed_total", "counter",
            "Channels that the broker has closed, by reply code; 404 is a look-up of an exchange that is not there.")
        // Those that happen are there from the beginning.
        let total = counters.reduce(into: [403: 0, 404: 0, 406: 0]) { $0.merge($1.byCode, uniquingKeysWith: +) }
        for (code, count) in total.sorted(by: { $0.key < $1.key }) {
            sample(
                "gateway_broker_channels_closed_total", ["code": code == 0 ? "other" : String(code)], count)
        }
    }

    private mutating func questions(_ counters: ClusterCounters) {
        family(
            "gateway_cluster_questions_total", "counter",
            "Questions to servers that were answered, by all of them or some.")
        for (outcome, counter) in [("complete", counters.complete.value), ("partial", counters.partial.value)] {
            sample("gateway_cluster_questions_total", ["outcome": outcome], counter)
        }
        family("gateway_cluster_connects_total", "counter", "Connections for questions that were opened.")
        sample("gateway_cluster_connects_total", [:], counters.connects.value)
    }

    private mutating func family(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    /// Labels come from the program, not from callers: nothing in them needs escaping.
    private mutating func sample(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: UInt64) {
        let pairs = labels.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",")
        text += pairs.isEmpty ? "\(name) \(value)\n" : "\(name){\(pairs)} \(value)\n"
    }

    /// The second number of /proc/self/statm counts pages (proc(5)).
    private static var residentBytes: UInt64 {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        guard getline(&line, &capacity, file) > 0, let line else { return 0 }
        let fields = String(cString: line).split(separator: " ")
        guard fields.count > 1, let pages = UInt64(fields[1]) else { return 0 }
        return pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }
}
