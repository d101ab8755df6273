import JSON
import Testing

@testable import AMQPBridge
@testable import Routes

@Suite("/v1/servers")
struct ServerRoutesTests {
    private static let servers = [
        ServerDescription(
            uid: "a", namespaces: ["/", "/\u{E9}"], lastSeen: .milliseconds(1_234) + .microseconds(999),
            subscriptionMode: "static"),
        ServerDescription(
            uid: "b\"", namespaces: ["/e\u{301}"], lastSeen: .zero, subscriptionMode: "dynamic",
            features: ["numbers", "acks"], adapter: "Redis\"Adapter"),
    ]

    @Test("lists the servers known")
    func list() async {
        let cluster = RecordingCluster { $0.servers = Self.servers }
        let response = await router(cluster: cluster).request(.get, "/v1/servers", query: "timeoutMs=9")
        #expect(response.status == 200)
        #expect(
            response.text
                == "{\"servers\":[{\"uid\":\"a\",\"namespaces\":[\"/\",\"/\u{E9}\"],\"lastSeenMs\":1234,\"subscriptionMode\":\"static\","
                + "\"features\":null,\"adapter\":null},"
                + "{\"uid\":\"b\\\"\",\"namespaces\":[\"/e\u{301}\"],\"lastSeenMs\":0,\"subscriptionMode\":\"dynamic\","
                + "\"features\":[\"acks\",\"numbers\"],\"adapter\":\"Redis\\\"Adapter\"}]}\n"
        )
        #expect(cluster.questions == [.servers(timeout: .milliseconds(9))])
    }

    @Test(
        "lists those of one namespace, byte by byte",
        arguments: [("/", ["a"]), ("/%C3%A9", ["a"]), ("/e%CC%81", ["b\""]), ("/c", [])])
    func ofNamespace(namespace: String, uids: [String]) async throws {
        let cluster = RecordingCluster { $0.servers = Self.servers }
        let response = await router(cluster: cluster).request(.get, "/v1/servers", query: "namespace=\(namespace)")
        let listed = try #require(try response.members()["servers"]).elements()
        #expect(
            listed.map { server in
                var uid = ""
                server.forEachMember { if $0 == "uid" { uid = $1.string ?? "" } }
                return uid
            } == uids)
    }

    @Test("asks nothing for a query that is not valid", arguments: ["namespace=c", "x=1", "timeoutMs=0"])
    func badQueries(query: String) async {
        let cluster = RecordingCluster { $0.servers = Self.servers }
        #expect(await router(cluster: cluster).request(.get, "/v1/servers", query: query).status == 422)
        #expect(cluster.questions.isEmpty)
    }

    @Test("says why it knows none")
    func listErrors() async {
        let cluster = RecordingCluster { $0.error = .brokerUnavailable }
        #expect(await router(cluster: cluster).request(.get, "/v1/servers").code == "broker_unavailable")
    }

    // MARK: Emitting to servers

    @Test("emits to servers, and waits for no answer unless it is told to")
    func emit() async {
        let (emitter, cluster) = (RecordingEmitter(), RecordingCluster())
        let response = await router(emitter, cluster: cluster).request(
            .post, "/v1/servers/emit", body: "{\"event\":\"e\",\"args\":[ 1.0 ,\"a\"],\"namespace\":\"/c\"}")
        #expect(response.status == 200)
        #expect(response.text == "{\"id\":\"01J\",\"status\":\"confirmed\",\"routed\":true}\n")
        #expect(
            emitter.questions == [
                .toServers(ServerSideEmit(namespace: "/c", event: "e", arguments: JSONText(" 1.0 ,\"a\"")))
            ])
        #expect(cluster.questions.isEmpty)
    }

    @Test("takes bytes out of the arguments, if there may be any", arguments: [true, false])
    func bytes(waits: Bool) async {
        let (emitter, cluster) = (RecordingEmitter(), RecordingCluster())
        let args = "[{\"$binary\":\"AAEC\"},[ 1.0 ,{\"$binary\":\"\"}]]"
        let router = router(emitter, cluster: cluster)
        let ack = waits ? ",\"ack\":{}" : ""
        _ = await router.request(
            .post, "/v1/servers/emit", body: "{\"event\":\"e\",\"binary\":true,\"args\":\(args)\(ack)}")
        var command = ServerSideEmit(
            event: "e",
            arguments: JSONText("{\"_placeholder\":true,\"num\":0},[1.0,{\"_placeholder\":true,\"num\":1}]"))
        command.attachments = ["AAEC", ""]
        #expect(emitter.questions == (waits ? [] : [.toServers(command)]))
        #expect(cluster.questions == (waits ? [.ask(command, timeout: .seconds(5))] : []))
    }

    @Test("leaves what looks like bytes alone, unless there may be any")
    func noBytes() async {
        let emitter = RecordingEmitter()
        for member in ["", ",\"binary\":false"] {
            _ = await router(emitter).request(
                .post, "/v1/servers/emit", body: "{\"event\":\"e\",\"args\":[{\"$binary\":1}]\(member)}")
        }
        let command = ServerSideEmit(event: "e", arguments: JSONText("{\"$binary\":1}"))
        #expect(emitter.questions == [.toServers(command), .toServers(command)])
    }

    @Test("tells the servers' answers")
    func ask() async {
        let cluster = RecordingCluster {
            $0.responses = ClusterAnswer(
                [
                    ServerResponse(server: "a\"", value: JSONText("{\"port\": 1.0}")),
                    ServerResponse(server: "b", value: JSONText("null")),
                ], servers: ServerTally(expected: 4, responded: 2, missing: ["c"], tooLarge: ["d\""]))
        }
        let router = router(cluster: cluster)
        let response = await router.request(
            .post, "/v1/servers/emit", body: "{\"event\":\"e\",\"ack\":{\"timeoutMs\":9}}")
        #expect(response.status == 200)
        #expect(
            response.text
                == "{\"responses\":[{\"server\":\"a\\\"\",\"value\":{\"port\": 1.0}},{\"server\":\"b\",\"value\":null}],"
                + "\"complete\":false,\"servers\":{\"expected\":4,\"responded\":2,\"missing\":[\"c\"],\"tooLarge\":[\"d\\\"\"]}}\n"
        )
        _ = await router.request(.post, "/v1/servers/emit", body: "{\"event\":\"e\",\"ack\":{}}")
        #expect(
            cluster.questions == [
                .ask(ServerSideEmit(event: "e"), timeout: .milliseconds(9)),
                .ask(ServerSideEmit(event: "e"), timeout: .seconds(5)),
            ])
    }

    @Test(
        "emits nothing that would break a server, or is not valid",
        arguments: [
            ("{\"event\":\"connect\"}", ["/event"]), ("{\"event\":\"connection\"}", ["/event"]),
            ("{\"event\":\"new_namespace\"}", ["/event"]), ("{\"event\":\"newListener\"}", ["/event"]),
            ("{\"event\":\"removeListener\"}", ["/event"]), ("{\"event\":\"error\"}", ["/event"]),
            ("{\"event\":\"\"}", ["/event"]), ("{\"event\":1}", ["/event"]), ("{}", ["/event"]),
            ("{\"event\":\"e\",\"args\":{}}", ["/args"]),
            ("{\"event\":\"e\",\"binary\":1}", ["/binary"]),
            ("{\"event\":\"e\",\"binary\":true,\"args\":{}}", ["/args"]),
            ("{\"event\":\"e\",\"binary\":true,\"args\":[{\"$binary\":\"A\"}]}", ["/args/0/$binary"]),
            ("{\"event\":\"e\",\"binary\":true,\"args\":[0,{\"_placeholder\":1}]}", ["/args/1/_placeholder"]),
            ("{\"event\":\"e\",\"data\":1}", ["/data"]), ("{\"event\":\"e\",\"rooms\":[\"r\"]}", ["/rooms"]),
            ("{\"event\":\"e\",\"ack\":true}", ["/ack"]),
            ("{\"event\":\"e\",\"ack\":{\"mode\":\"all\"}}", ["/ack/mode"]),
            ("{\"event\":\"e\",\"ack\":{\"timeoutMs\":0}}", ["/ack/timeoutMs"]),
            ("{\"event\":\"e\",\"timeoutMs\":5}", ["/timeoutMs"]),
            ("{\"event\":\"e\",\"namespace\":\"c\"}", ["/namespace"]),
        ])
    func badBodies(body: String, expected: [String]) async {
        let (emitter, cluster) = (RecordingEmitter(), RecordingCluster())
        let response = await router(emitter, cluster: cluster).request(.post, "/v1/servers/emit", body: body)
        #expect(response.status == 422)
        #expect(response.pointers == expected)
        #expect(emitter.questions.isEmpty && cluster.questions.isEmpty)
    }

    @Test("says why it could not", arguments: [true, false])
    func emitErrors(waits: Bool) async {
        let emitter = RecordingEmitter()
        emitter.answers.withLock { $0.toServers = .failure(.notPublished(.overloaded)) }
        let body = waits ? "{\"event\":\"e\",\"ack\":{}}" : "{\"event\":\"e\"}"
        let response = await router(emitter).request(.post, "/v1/servers/emit", body: body)
        #expect(response.status == 503)
        #expect(response.code == (waits ? "no_servers" : "overloaded"))
    }
}
