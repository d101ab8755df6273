import ArgumentParser
import Logging
import Routes
import Testing

@testable import AMQPBridge
@testable import Gateway

@Suite("The metrics")
struct MetricsTextTests {
    private let questions = ClusterCounters()
    private let load = HTTPLoad(limits: HTTPLoad.Limits())

    @Test("are Prometheus' text format, each sample under its family")
    func format() throws {
        let servers = try [server(), server()]
        defer { for server in servers { stop(server) } }
        _ = servers[0].router.admit(RequestHead(method: .get, path: "/nowhere", isHTTP10: true))
        let lines = lines(servers)
        var family = ""
        for line in lines {
            if let match = line.wholeMatch(of: /# HELP ([a-z_]+) [A-Z].+\./) {
                family = String(match.1)
            } else if let match = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge)/) {
                #expect(match.1 == family)
                #expect((match.2 == "counter") == family.hasSuffix("_total"))
            } else {
                let match = try #require(
                    line.wholeMatch(of: /([a-z_]+)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9]+/))
                #expect(match.1 == family)
            }
        }
        #expect(Set(lines).count == lines.count)
    }

    @Test("add up what all loops have counted")
    func sums() throws {
        let servers = try [server(), server()]
        defer { for server in servers { stop(server) } }
        for server in servers {
            _ = server.router.admit(RequestHead(method: .get, path: "/nowhere", isHTTP10: true))
            _ = server.router.admit(RequestHead(method: .put, path: "/livez", isHTTP10: true))
            server.link.counters.routed.add(3)
            server.link.counters.unknown.add(1)
            server.link.counters.timedOut.add(2)
        }
        questions.complete.add(4)
        questions.partial.add(5)
        questions.connects.add(6)
        load.opened(nil)
        for _ in 0..<2 { _ = load.began() }
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
        ] {
            #expect(lines.contains(line), "\(line)")
        }
    }

    @Test("measure this process's memory")
    func memory() throws {
        let line = try #require(lines([]).first { $0.hasPrefix("process_resident_memory_bytes ") })
        #expect(try #require(line.split(separator: " ").last.flatMap { Int($0) }) > 1 << 20)
    }

    private func lines(_ servers: [LoopServer]) -> [String] {
        let text = String(
            decoding: MetricsText.render(servers, load: load, cluster: questions, wireFormat: "amqp0"), as: UTF8.self)
        #expect(text.hasSuffix("\n"))
        return text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
    }

    /// A loop that is not running yet, with a broker that is not there.
    private func server() throws -> LoopServer {
        let variables = ["GATEWAY_AMQP_URL": "amqp://127.0.0.1:1"]
        let configuration = try Configuration(ServeOptions.parse([]), environment: Environment(variables: variables))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let cluster = ClusterClient(
            configuration.cluster, broker: configuration.broker, wireFormat: configuration.wireFormat, logger: logger)
        return try LoopServer(
            index: 0, configuration: configuration, access: .anonymous, load: load,
            idempotency: IdempotencyStore(), deliveries: DeliveryStore(),
            logger: logger, logLevel: LogLevel(.critical), cluster: cluster, knowledge: BrokerKnowledge(), hooks: .none
        ) {
            RouteServices(
                emitter: $0, cluster: cluster, readiness: { .ready }, metrics: { [] }, configuration: { [] },
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
