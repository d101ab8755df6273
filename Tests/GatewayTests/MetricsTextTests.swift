import ArgumentParser
import EventLoop
import Glibc
import Logging
import Routes
import Testing

@testable import AMQPBridge
@testable import Gateway

@Suite("The metrics")
final class MetricsTextTests {
    private var live = ConfigurationMetrics.Numbers()
    private let questions = ClusterCounters()
    private let load = HTTPLoad(limits: HTTPLoad.Limits())
    private var open = OpenConnections(configured: [], emits: [], questions: nil)

    @Test("are Prometheus' text format, each sample under its family")
    func format() throws {
        let servers = try [server(), server()]
        defer { for server in servers { stop(server) } }
        _ = servers[0].router.admit(RequestHead(method: .get, path: "/nowhere", isHTTP10: true))
        time(servers[0], 1_000_000)
        live.expiries = [("a", 7)]
        live.hooks = [("h", DeliveryCounters())]
        let lines = lines(servers)
        var (family, type) = ("", "")
        var families: Set<String> = []
        for line in lines {
            if let match = line.wholeMatch(of: /# HELP ([a-z_]+) [A-Z].+\./) {
                family = String(match.1)
                #expect(families.insert(family).inserted)
            } else if let match = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge|histogram)/) {
                #expect(match.1 == family)
                type = String(match.2)
                #expect((type == "counter") == family.hasSuffix("_total"))
            } else {
                let match = try #require(
                    line.wholeMatch(of: /([a-z_]+)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9]+(\.[0-9]+)?/),
                    "\(line)")
                let suffixes = type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                #expect(suffixes.contains { match.1 == family + $0 }, "\(line)")
            }
        }
        #expect(families.count == 36)
        #expect(Set(lines).count == lines.count)
    }

    @Test("add up what all loops have counted")
    func sums() throws {
        let servers = try [server(), server()]
        defer { for server in servers { stop(server) } }
        for server in servers {
            _ = server.router.admit(RequestHead(method: .get, path: "/nowhere", isHTTP10: true))
            _ = server.router.admit(RequestHead(method: .put, path: "/livez", isHTTP10: true))
            time(server, 1_000_000)
            time(server, 40_000_000)
            server.router.batches.confirmed.add(4)
            server.router.batches.unknown.add(2)
            server.link.counters.routed.add(3)
            server.link.counters.queued.add(5)
            server.link.counters.unknown.add(1)
            server.link.counters.timedOut.add(2)
        }
        time(servers[0], 70_000_000_000)
        questions.servers.set(3)
        questions.complete.add(4)
        questions.partial.add(5)
        questions.connects.add(6)
        load.opened(nil)
        load.addRequests(2)
        let lines = lines(servers)
        for line in [
            "gateway_info{version=\"\(GatewayCommand.version)\",wire_format=\"amqp0\"} 1",
            "gateway_http_requests_total{route=\"other\",method=\"GET\",status=\"404\"} 2",
            "gateway_http_requests_total{route=\"/livez\",method=\"PUT\",status=\"405\"} 2",
            "gateway_publications_total{outcome=\"routed\"} 6", "gateway_publications_total{outcome=\"unknown\"} 2",
            "gateway_publications_total{outcome=\"failed\"} 0", "gateway_publications_total{outcome=\"unrouted\"} 0",
            "gateway_cluster_questions_total{outcome=\"complete\"} 4",
            "gateway_cluster_questions_total{outcome=\"partial\"} 5", "gateway_cluster_connects_total 6",
            "gateway_confirm_timeouts_total 4", "gateway_broker_connects_total 0",
            "gateway_broker_channels_closed_total{code=\"404\"} 0",
            "gateway_broker_connections{state=\"disconnected\"} 2", "gateway_broker_connections{state=\"ready\"} 0",
            "gateway_http_requests_in_flight 2", "gateway_http_connections 1",
            "gateway_http_request_duration_seconds_bucket{route=\"/livez\",le=\"0.001\"} 2",
            "gateway_http_request_duration_seconds_bucket{route=\"/livez\",le=\"0.025\"} 2",
            "gateway_http_request_duration_seconds_bucket{route=\"/livez\",le=\"0.05\"} 4",
            "gateway_http_request_duration_seconds_bucket{route=\"/livez\",le=\"60\"} 4",
            "gateway_http_request_duration_seconds_bucket{route=\"/livez\",le=\"+Inf\"} 5",
            "gateway_http_request_duration_seconds_sum{route=\"/livez\"} 70.082",
            "gateway_http_request_duration_seconds_count{route=\"/livez\"} 5",
            "gateway_batch_items_total{outcome=\"confirmed\"} 8", "gateway_batch_items_total{outcome=\"failed\"} 0",
            "gateway_batch_items_total{outcome=\"unknown\"} 4", "gateway_publications_total{outcome=\"queued\"} 10",
            "gateway_cluster_servers 3",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
    }

    @Test("say with which brokers connections are open, without user and password")
    func brokers() throws {
        let brokers = try BrokerLink.Configuration(
            url: "amqp://me:secret@one,[::1]:7/v;amqps://me:secret@two;amqp://me:other@one"
        ).endpoints
        open = OpenConnections(
            configured: brokers, emits: [brokers[0], nil, brokers[1], brokers[0]], questions: brokers[2])
        #expect(open.publishing == ["one:5672", "[::1]:7"])
        let name = "gateway_broker_open_connections"
        #expect(
            lines([]).filter { $0.hasPrefix("\(name){") } == [
                "\(name){broker=\"one:5672\",purpose=\"emits\"} 2",
                "\(name){broker=\"one:5672\",purpose=\"questions\"} 0",
                "\(name){broker=\"[::1]:7\",purpose=\"emits\"} 1",
                "\(name){broker=\"[::1]:7\",purpose=\"questions\"} 0",
                "\(name){broker=\"two:5671\",purpose=\"emits\"} 0",
                "\(name){broker=\"two:5671\",purpose=\"questions\"} 1",
            ])
    }

    @Test("escape what stands in a label")
    func escapes() throws {
        open = OpenConnections(
            configured: try BrokerLink.Configuration(url: "amqp://[%22a%5C%0A]").endpoints, emits: [], questions: nil)
        #expect(
            lines([]).contains("gateway_broker_open_connections{broker=\"\\\"a\\\\\\n:5672\",purpose=\"emits\"} 0"))
    }

    @Test("say how the configuration is, and when keys expire")
    func configuration() {
        live.expiries = [("ci", 1_800_000_000), ("old", 1)]
        live.hooks = [("a", DeliveryCounters()), ("b.c", DeliveryCounters())]
        live.reloads = (3, 2)
        live.isCurrent = false
        live.taken = 1_700_000_000
        let lines = lines([])
        for line in [
            "gateway_key_expiry_timestamp_seconds{key=\"ci\"} 1800000000",
            "gateway_key_expiry_timestamp_seconds{key=\"old\"} 1",
            "gateway_config_reloads_total{outcome=\"success\"} 3",
            "gateway_config_reloads_total{outcome=\"failure\"} 2",
            "gateway_config_last_reload_successful 0",
            "gateway_config_last_reload_success_timestamp_seconds 1700000000",
            "gateway_hook_deliveries_total{hook=\"a\",outcome=\"emitted\"} 0",
            "gateway_hook_deliveries_total{hook=\"b.c\",outcome=\"not_authentic\"} 0",
            "gateway_cloudevents_total{outcome=\"ignored\"} 0", "gateway_log_lines_dropped_total 0",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
    }

    @Test("measure this process")
    func process() throws {
        func value(_ name: String) throws -> Double {
            let line = try #require(lines([]).first { $0.hasPrefix("\(name) ") })
            return try #require(line.split(separator: " ").last.flatMap { Double($0) })
        }
        #expect(try value("process_resident_memory_bytes") > 1_000_000)
        #expect(try value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"))
        let before = try value("process_open_fds")
        let descriptors = try (0..<3).map { _ in try #require(dup(STDERR_FILENO) as Int32?) }
        #expect(try value("process_open_fds") == before + 3)
        for descriptor in descriptors { close(descriptor) }
        #expect(try value("process_max_fds") >= before)
        let used = try value("process_cpu_seconds_total")
        #expect(used > 0 && used < 10_000)
        let age = try Double(UnixTime.now()) - value("process_start_time_seconds")
        // The time has whole seconds, the start has not.
        #expect(age > -1 && age < 3_600)
        // It began, and goes on beginning, at the same moment.
        #expect(try value("process_start_time_seconds") == value("process_start_time_seconds"))
    }

    private func lines(_ servers: [LoopServer]) -> [String] {
        let text = String(
            decoding: MetricsText.render(
                servers, open: open, load: load, cluster: questions, live: live, log: LogWriter(descriptor: -1),
                wireFormat: "amqp0"), as: UTF8.self)
        #expect(text.hasSuffix("\n"))
        return text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
    }

    /// Has a request to `/livez` answered that took so many nanoseconds.
    private func time(_ server: LoopServer, _ nanoseconds: Int64) {
        let request = server.router.admit(RequestHead(method: .get, path: "/livez", isHTTP10: true)).request
        server.router.counters.count(request, nanoseconds: nanoseconds)
    }

    /// A loop that is not running yet, with a broker that is not there.
    private func server() throws -> LoopServer {
        let variables = ["GATEWAY_AMQP_URL": "amqp://127.0.0.1:1"]
        let configuration = try Configuration(ServeOptions.parse([]), environment: Environment(variables: variables))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let process = ProcessServices(configuration, load: load, logger: logger, logLevel: LogLevel(.critical))
        return try LoopServer(index: 0, process, LivePolicy(access: .anonymous)) {
            RouteServices(
                emitter: $0, cluster: $1, readiness: { .ready }, metrics: { [] }, configuration: { [] },
                openAPI: [], openAPIAsJSON: { [] })
        }
    }

    /// A loop ends on its own thread only.
    private func stop(_ server: LoopServer) {
        server.start(index: 0)
        server.stop()
        #expect(server.join())
    }
}
