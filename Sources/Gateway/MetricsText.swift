internal import AMQP
internal import AMQPBridge
internal import EventLoop
internal import Routes

/// The gateway's numbers in Prometheus' text format, version 0.0.4.
struct MetricsText {
    private var text = ""

    static func render(
        _ servers: [LoopServer], open: OpenConnections, load: HTTPLoad, cluster: ClusterCounters,
        events: EventFeed? = nil, streams: StreamPlaces = StreamPlaces(),
        live: ConfigurationMetrics.Numbers, log: LogWriter, wireFormat: String
    ) -> [UInt8] {
        var metrics = MetricsText()
        metrics.family("gateway_info", "gauge", "The gateway's version and wire format.")
        metrics.sample("gateway_info", ["version": GatewayCommand.version, "wire_format": wireFormat], UInt64(1))
        metrics.requests(servers.map(\.router.counters))
        metrics.batches(servers.map(\.router.batches))
        metrics.deliveries(live)
        metrics.publications(servers.map(\.link.counters))
        metrics.unroutedEmits(servers.map(\.emitter.unroutedEmits))
        metrics.broker(servers.map(\.link))
        metrics.openConnections(open)
        metrics.channels(servers.map(\.link.counters.channelsClosed) + [cluster.channelsClosed])
        metrics.questions(cluster)
        metrics.events(events, streams, cluster)
        metrics.connections(load)
        metrics.configuration(live)
        metrics.single(
            "gateway_log_lines_dropped_total", "counter",
            "Log lines that were dropped because nobody reads standard error.", log.dropped.value)
        metrics.process()
        return Array(metrics.text.utf8)
    }

    private mutating func requests(_ counters: [RequestCounters]) {
        family("gateway_http_requests_total", "counter", "Requests answered, by route, method and status.")
        var totals: [[String]: UInt64] = [:]
        for sample in counters.flatMap(\.samples) {
            totals[[sample.route, sample.method, String(sample.status)], default: 0] += sample.count
        }
        for (key, count) in totals.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            sample("gateway_http_requests_total", ["route": key[0], "method": key[1], "status": key[2]], count)
        }
        durations(counters.flatMap(\.durations))
    }

    /// - Parameter all: the durations of all loops. A route's may come from several of them.
    private mutating func durations(_ all: [RequestCounters.Durations]) {
        let name = "gateway_http_request_duration_seconds"
        family(name, "histogram", "From a request's head to its answer, by route; of those that were asked for.")
        for (route, parts) in Dictionary(grouping: all, by: \.route).sorted(by: { $0.key < $1.key }) {
            for index in parts[0].buckets.indices {
                let bound = parts[0].buckets[index].bound
                sample(
                    "\(name)_bucket", ["route": route, "le": bound == .infinity ? "+Inf" : Self.text(bound)],
                    parts.reduce(0) { $0 + $1.buckets[index].count })
            }
            sample("\(name)_sum", ["route": route], parts.reduce(0.0) { $0 + $1.sum })
            sample("\(name)_count", ["route": route], parts.reduce(0) { $0 + $1.count })
        }
    }

    private mutating func batches(_ counters: [BatchCounters]) {
        family("gateway_batch_items_total", "counter", "Items of batches, by outcome.")
        for (outcome, count) in [
            ("confirmed", counters.reduce(0) { $0 + $1.confirmed.value }),
            ("failed", counters.reduce(0) { $0 + $1.failed.value }),
            ("unknown", counters.reduce(0) { $0 + $1.unknown.value }),
        ] {
            sample("gateway_batch_items_total", ["outcome": outcome], count)
        }
    }

    private mutating func deliveries(_ live: ConfigurationMetrics.Numbers) {
        family("gateway_hook_deliveries_total", "counter", "Deliveries to hooks, by the hook's name and outcome.")
        for hook in live.hooks {
            for (outcome, count) in hook.counters.counts {
                sample("gateway_hook_deliveries_total", ["hook": hook.name, "outcome": outcome.rawValue], count)
            }
        }
        family("gateway_cloudevents_total", "counter", "CloudEvents, by outcome.")
        for (outcome, count) in live.cloudEvents.counts where outcome != .challenge {
            sample("gateway_cloudevents_total", ["outcome": outcome.rawValue], count)
        }
    }

    private mutating func publications(_ counters: [PublisherCounters]) {
        family("gateway_publications_total", "counter", "AMQP messages settled, by outcome.")
        func total(_ number: (PublisherCounters) -> UInt64) -> UInt64 { counters.reduce(0) { $0 + number($1) } }
        for (outcome, number) in [
            ("failed", total { $0.failed.value }), ("queued", total { $0.queued.value }),
            ("routed", total { $0.routed.value }), ("unknown", total { $0.unknown.value }),
            ("unrouted", total { $0.unrouted.value }),
        ] {
            sample("gateway_publications_total", ["outcome": outcome], number)
        }
        single(
            "gateway_confirm_timeouts_total", "counter", "Messages that the broker did not confirm in time.",
            total { $0.timedOut.value })
        single(
            "gateway_broker_connects_total", "counter", "Connections to the broker that were opened.",
            total { $0.connects.value })
    }

    private mutating func unroutedEmits(_ counters: [CaseCounters<UnroutedReason>]) {
        family("gateway_emits_unrouted_total", "counter", "Emits that nobody was there for, by the reason.")
        var reasons: [String: UInt64] = [:]
        for (reason, count) in counters.flatMap(\.counts) { reasons[reason.rawValue, default: 0] += count }
        for (reason, count) in reasons.sorted(by: { $0.key < $1.key }) {
            sample("gateway_emits_unrouted_total", ["reason": reason], count)
        }
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

    private mutating func openConnections(_ open: OpenConnections) {
        family(
            "gateway_broker_open_connections", "gauge",
            "Open connections, by broker and by what they are for: 0 of a broker that others are used instead of.")
        for broker in open.brokers {
            for purpose in OpenConnections.Purpose.allCases {
                sample(
                    "gateway_broker_open_connections", ["broker": broker, "purpose": purpose.rawValue],
                    UInt64(open.count(purpose, with: broker)))
            }
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
        single(
            "gateway_cluster_connects_total", "counter", "Connections for questions that were opened.",
            counters.connects.value)
        single(
            "gateway_cluster_servers", "gauge", "Servers that are known, by what they say of themselves.",
            UInt64(max(0, counters.servers.value)))
    }

    private mutating func events(_ feed: EventFeed?, _ streams: StreamPlaces, _ cluster: ClusterCounters) {
        single(
            "gateway_event_streams", "gauge", "Open streams: of events, and of the tail.", UInt64(max(0, streams.taken))
        )
        single(
            "gateway_events_sender", "gauge", "Whether this gateway publishes the events to the exchange.",
            UInt64(max(0, cluster.isEventSender.value)))
        single(
            "gateway_events_published_total", "counter", "Events that were published to the exchange.",
            cluster.eventsPublished.value)
        single("gateway_events_sent_total", "counter", "Events that were sent, to all streams.", feed?.sent.value ?? 0)
    }

    private mutating func connections(_ load: HTTPLoad) {
        single(
            "gateway_http_requests_in_flight", "gauge", "Requests that have begun and are not answered.",
            UInt64(max(0, load.requestsInFlight)))
        single(
            "gateway_http_connections", "gauge", "Open client connections.", UInt64(max(0, load.openConnections)))
        single(
            "gateway_http_connections_lingering", "gauge", "Refused connections that are still read.",
            UInt64(max(0, load.lingering.value)))
        single(
            "gateway_http_connections_evicted_total", "counter", "Idle connections closed to make room.",
            load.evictions.value)
        single(
            "gateway_http_accept_pauses_total", "counter",
            "Times that no connections were taken for a moment, for want of descriptors or room.", load.pauses.value)
    }

    private mutating func configuration(_ live: ConfigurationMetrics.Numbers) {
        family("gateway_config_reloads_total", "counter", "Times that the configuration was read again, by outcome.")
        for (outcome, count) in [("failure", live.reloads.refused), ("success", live.reloads.taken)] {
            sample("gateway_config_reloads_total", ["outcome": outcome], count)
        }
        single(
            "gateway_config_last_reload_successful", "gauge",
            "Whether the configuration that was read last is the one that holds.", UInt64(live.isCurrent ? 1 : 0))
        single(
            "gateway_config_last_reload_success_timestamp_seconds", "gauge",
            "When the configuration that holds was taken over.", UInt64(max(0, live.taken)))
        family(
            "gateway_key_expiry_timestamp_seconds", "gauge", "When an API key expires, by its name; of those that do.")
        for key in live.expiries {
            sample("gateway_key_expiry_timestamp_seconds", ["key": key.key], UInt64(max(0, key.time)))
        }
    }

    private mutating func process() {
        if let seconds = ProcessNumbers.cpuSeconds {
            single("process_cpu_seconds_total", "counter", "Processor time used, in user and system mode.", seconds)
        }
        if let memory = ProcessNumbers.memory {
            single("process_resident_memory_bytes", "gauge", "Resident memory.", memory.resident)
            single("process_virtual_memory_bytes", "gauge", "Virtual memory.", memory.virtual)
        }
        if let count = ProcessNumbers.openDescriptors {
            single("process_open_fds", "gauge", "Open file descriptors.", count)
        }
        if let most = ProcessNumbers.mostDescriptors {
            single("process_max_fds", "gauge", "The most file descriptors that may be open.", most)
        }
        if let time = ProcessNumbers.startTime {
            single("process_start_time_seconds", "gauge", "When the process was started, in seconds since 1970.", time)
        }
    }

    /// A family of one sample without labels.
    private mutating func single(_ name: String, _ type: String, _ help: String, _ value: some Number) {
        family(name, type, help)
        sample(name, [:], value)
    }

    private mutating func family(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    private mutating func sample(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: some Number) {
        let pairs = labels.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        text += pairs.isEmpty ? "\(name) \(value)\n" : "\(name){\(pairs)} \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\", "\"": text += "\\\(scalar)"
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// A bucket's bound: whole numbers without decimals, as Prometheus writes them.
    private static func text(_ bound: Double) -> String {
        Int(exactly: bound).map(String.init) ?? String(bound)
    }
}

/// A type that a sample's value can have.
private protocol Number: CustomStringConvertible {}
extension UInt64: Number {}
extension Double: Number {}
