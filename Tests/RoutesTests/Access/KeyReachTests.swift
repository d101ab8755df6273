import JSON
import Testing

@testable import AMQPBridge
@testable import Routes

@Suite("A key's globs")
struct KeyReachTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let method: HTTPMethod
        let path: String
        let query: String
        let body: String?
        /// Where it is beyond the reach; empty if it is not.
        let pointers: [String]
        var testDescription: String { "\(method.rawValue) \(path)?\(query) \(body ?? "")" }

        init(
            _ method: HTTPMethod, _ path: String, query: String = "", _ body: String? = nil,
            beyond pointers: [String] = []
        ) {
            (self.method, self.path, self.query, self.body, self.pointers) = (method, path, query, body, pointers)
        }
    }

    /// What the key of the cases may name.
    static let reach = Reach(
        namespaces: NameGlobs([Glob("/"), Glob("/chat*")]),
        rooms: NameGlobs([Glob("user:*"), Glob("lobby"), Glob("7*")]),
        sockets: NameGlobs([Glob("s-*")]), events: NameGlobs([Glob("order.*")]))

    static let cases = [
        Case(.post, "/v1/emit", #"{"event":"order.paid","rooms":["user:1","lobby"]}"#),
        Case(.post, "/v1/emit", #"{"event":"order.paid","rooms":["user:1"],"namespace":"/chat2"}"#),
        Case(.post, "/v1/emit", #"{"event":"order.paid"}"#, beyond: ["/rooms"]),
        Case(
            .post, "/v1/emit", #"{"event":"order.paid","rooms":["user:1","admin","lobby2"]}"#,
            beyond: ["/rooms/1", "/rooms/2"]),
        Case(.post, "/v1/emit", #"{"event":"paid","rooms":["lobby"]}"#, beyond: ["/event"]),
        Case(.post, "/v1/emit", #"{"event":"order.paid","rooms":["lobby"],"namespace":"/x"}"#, beyond: ["/namespace"]),
        Case(
            .post, "/v1/emit", #"{"event":"order.paid","rooms":["lobby"],"except":["lobby","admin"]}"#,
            beyond: ["/except/1"]),
        Case(
            .post, "/v1/emit",
            #"{"event":"order.paid","rooms":["lobby"],"exceptSockets":["s-1_________________","t"]}"#,
            beyond: ["/exceptSockets/1"]),
        Case(.post, "/v1/emit", #"{"event":"order.paid","rooms":["admin"],"ack":{}}"#, beyond: ["/rooms/0"]),
        Case(.post, "/v1/emit", #"{"event":"order.paid","rooms":["admin"],"confirm":"none"}"#, beyond: ["/rooms/0"]),
        Case(.get, "/v1/sockets", query: "room=lobby"),
        Case(.get, "/v1/sockets", beyond: ["?room"]),
        Case(.get, "/v1/sockets", query: "room=lobby&room=admin", beyond: ["?room"]),
        Case(.get, "/v1/sockets", query: "room=lobby&except=admin", beyond: ["?except"]),
        Case(.get, "/v1/sockets", query: "room=lobby&namespace=%2Fx", beyond: ["?namespace"]),
        Case(.post, "/v1/sockets/query", #"{"rooms":["admin"]}"#, beyond: ["/rooms/0"]),
        Case(.get, "/v1/sockets/s-1_________________"),
        Case(.get, "/v1/sockets/t", beyond: ["?id"]),
        // Servers take an id for a room: what does not look like one is bound as one.
        Case(.get, "/v1/sockets/s-secret-room", beyond: ["?id"]),
        Case(.delete, "/v1/sockets/s-secret-room", beyond: ["?id"]),
        Case(.post, "/v1/sockets/s-secret-room/join", #"{"rooms":["user:1"]}"#, beyond: ["?id"]),
        Case(
            .post, "/v1/emit", #"{"event":"order.paid","rooms":["lobby"],"exceptSockets":["s-secret-room"]}"#,
            beyond: ["/exceptSockets/0"]),
        Case(.delete, "/v1/sockets/s-1_________________"),
        Case(.delete, "/v1/sockets/t", beyond: ["?id"]),
        Case(.delete, "/v1/sockets/s-1_________________", query: "namespace=%2Fx", beyond: ["?namespace"]),
        Case(.post, "/v1/sockets/s-1_________________/join", #"{"rooms":["user:1"]}"#),
        Case(.post, "/v1/sockets/s-1_________________/join", #"{"rooms":["user:1","admin"]}"#, beyond: ["/rooms/1"]),
        Case(.post, "/v1/sockets/t/leave", #"{"rooms":["admin"]}"#, beyond: ["?id", "/rooms/0"]),
        Case(.post, "/v1/sockets/join", #"{"in":["lobby"],"rooms":["user:1"]}"#),
        Case(.post, "/v1/sockets/join", #"{"in":["lobby","admin"],"rooms":["user:1"]}"#, beyond: ["/in/1"]),
        Case(.post, "/v1/sockets/leave", #"{"in":["lobby"],"rooms":["admin"]}"#, beyond: ["/rooms/0"]),
        Case(.post, "/v1/sockets/join", #"{"all":true,"rooms":["user:1"]}"#, beyond: ["/in"]),
        Case(.post, "/v1/sockets/disconnect", #"{"in":["lobby"],"except":["admin"]}"#, beyond: ["/except/0"]),
        Case(.post, "/v1/sockets/disconnect", #"{"all":true}"#, beyond: ["/in"]),
        Case(.delete, "/v1/sockets/s-1_________________", query: "close=true", beyond: ["?close"]),
        Case(.delete, "/v1/sockets/s-1_________________", query: "close=false"),
        Case(.post, "/v1/sockets/disconnect", #"{"in":["lobby"],"close":true}"#, beyond: ["/close"]),
        Case(.get, "/v1/rooms", query: "prefix=user:"),
        Case(.get, "/v1/rooms", query: "prefix=user:4&private=true"),
        Case(.get, "/v1/rooms", query: "prefix=lobby", beyond: ["?prefix"]),
        Case(.get, "/v1/rooms", beyond: ["?prefix"]),
        Case(.get, "/v1/counts", query: "room=lobby"),
        Case(.get, "/v1/counts", beyond: ["?room"]),
        Case(.post, "/v1/counts", #"{"rooms":["lobby","admin"]}"#, beyond: ["/rooms/1"]),
        Case(.get, "/v1/servers", query: "namespace=%2Fchat"),
        // A number by its digits.
        Case(.post, "/v1/emit", #"{"event":"order.paid","rooms":[771,7]}"#),
        Case(
            .post, "/v1/emit", #"{"event":"order.paid","rooms":[42],"except":[-7]}"#, beyond: ["/rooms/0", "/except/0"]),
        Case(.post, "/v1/sockets/query", #"{"rooms":[42]}"#, beyond: ["/rooms/0"]),
        Case(.post, "/v1/sockets/s-1_________________/join", #"{"rooms":[7,42]}"#, beyond: ["/rooms/1"]),
        Case(.post, "/v1/sockets/join", #"{"in":[42],"rooms":["lobby"]}"#, beyond: ["/in/0"]),
        Case(.post, "/v1/counts", #"{"rooms":[7,42]}"#, beyond: ["/rooms/1"]),
        Case(.get, "/v1/rooms", query: "prefix=77"),
        Case(.get, "/v1/servers", query: "namespace=%2Fx", beyond: ["?namespace"]),
        Case(.get, "/v1/servers", beyond: ["?namespace"]),
        Case(.post, "/v1/servers/emit", #"{"event":"order.x"}"#),
        Case(.post, "/v1/servers/emit", #"{"event":"x","namespace":"/x","ack":{}}"#, beyond: ["/namespace", "/event"]),
    ]

    @Test("bind every name in a request, and say which did not match", arguments: cases)
    func binds(request: Case) async {
        let (emitter, cluster) = (RecordingEmitter(), RecordingCluster())
        let response = await router(emitter, cluster: cluster, access: .key("k", reach: Self.reach)).request(
            request.method, request.path, query: request.query, [.apiKey: "k"], body: request.body)
        if request.pointers.isEmpty {
            #expect([200, 202, 503].contains(response.status), "\(response.text)")
            #expect(emitter.calls.count + emitter.questions.count + cluster.questions.count == 1)
        } else {
            #expect(response.status == 403)
            #expect(response.code == "beyond_reach")
            #expect(response.pointers == request.pointers, "\(response.text)")
            #expect(emitter.calls.isEmpty && emitter.questions.isEmpty && cluster.questions.isEmpty)
        }
    }

    @Test("are named in the refusal")
    func namesTheGlobs() async {
        let body = #"{"event":"order.paid","rooms":["admin"]}"#
        let response = await router(access: .key("k", reach: Self.reach)).post(body, [.apiKey: "k"])
        #expect(response.text.contains("user:*, lobby, 7*"))
        #expect(!response.text.contains("order.*"))
    }

    @Test("of all namespaces let whole connections be closed")
    func closes() async {
        let reach = Reach(rooms: NameGlobs([Glob("lobby")]))
        let body = #"{"in":["lobby"],"close":true}"#
        let response = await router(access: .key("k", reach: reach)).request(
            .post, "/v1/sockets/disconnect", [.apiKey: "k"], body: body)
        #expect(response.code != "beyond_reach")
    }

    @Test("are not all named where there are many")
    func manyGlobs() async {
        let reach = Reach(rooms: NameGlobs((1...7).map { Glob("r\($0)") }))
        let response = await router(access: .key("k", reach: reach)).post(
            #"{"event":"e","rooms":["x"]}"#, [.apiKey: "k"])
        #expect(response.text.contains("it has r1, r2, r3, r4, r5 and 2 more\""))
    }

    @Test("bind each item of a batch by itself")
    func batch() async throws {
        let emitter = RecordingEmitter()
        let items = [#"{"event":"order.a","rooms":["lobby"]}"#, #"{"event":"order.b"}"#]
        let response = await router(emitter, access: .key("k", reach: Self.reach)).request(
            .post, "/v1/batch", [.apiKey: "k"], body: "{\"items\":[\(items.joined(separator: ","))]}")
        #expect(response.status == 207)
        #expect(response.text.contains("\"code\":\"beyond_reach\""))
        #expect(emitter.calls.map(\.emit.event) == ["order.a"])
    }

    @Test("bind what a CloudEvent becomes")
    func cloudEvents() async {
        let emitter = RecordingEmitter()
        let router = router(emitter, access: .key("k", reach: Self.reach))
        func event(_ id: String, _ type: String, _ room: String) -> String {
            #"{"specversion":"1.0","id":"\#(id)","source":"s","type":"\#(type)","subject":"\#(room)"}"#
        }
        func post(_ body: String) async -> Response {
            let type = "application/cloudevents+json"
            return await router.request(.post, "/v1/cloudevents", [.apiKey: "k", .contentType: type], body: body)
        }
        let refused = await post(event("1", "order.paid", "admin"))
        #expect(refused.status == 403)
        #expect(refused.pointers == ["/rooms/0"])
        let other = await post(event("1", "paid", "lobby"))
        #expect(other.status == 403)
        #expect(other.pointers == ["/event"])
        #expect(emitter.calls.isEmpty)
        #expect(await post(event("1", "order.paid", "lobby")).status == 200)
        #expect(emitter.calls.count == 1)
    }

    @Test("of rooms are those of sockets, too, if these have none")
    func socketsDefault() async {
        let router = router(access: .key("k", reach: Reach(rooms: NameGlobs([Glob("s-*")]))))
        #expect(await router.request(.get, "/v1/sockets/s-1_________________", [.apiKey: "k"]).status == 503)
        #expect(await router.request(.get, "/v1/sockets/t", [.apiKey: "k"]).status == 403)
    }

    // MARK: Answers

    @Test("keep other rooms of a socket out of answers")
    func socketsRooms() async {
        let socket = ClusterSocket(
            id: "s-1", rooms: JSONText(#"["s-1","user:1","admin","lobby",7,42,7.5]"#), data: JSONText("{}"),
            handshake: nil,
            server: "x")
        let cluster = RecordingCluster {
            $0.sockets = ClusterAnswer(
                SocketPage(sockets: [socket], hasMore: false),
                servers: ServerTally(expected: 1, responded: 1, missing: []))
        }
        let limited = router(cluster: cluster, access: .key("k", reach: Self.reach))
        for (path, query) in [("/v1/sockets", "room=lobby"), ("/v1/sockets/s-1_________________", "")] {
            let response = await limited.request(.get, path, query: query, [.apiKey: "k"])
            #expect(response.text.contains(#""rooms":["user:1","lobby",7]"#), "\(response.text)")
            let all = await router(cluster: cluster).request(.get, path, query: query)
            #expect(all.text.contains(#""rooms":["s-1","user:1","admin","lobby",7,42,7.5]"#))
        }
    }

    @Test("keep the number of all sockets out of answers")
    func counts() async {
        let cluster = RecordingCluster {
            $0.counts = ClusterAnswer(
                SocketCounts(sockets: 17, rooms: [.init(name: "lobby", sockets: 3)]),
                servers: ServerTally(expected: 1, responded: 1, missing: []))
        }
        let response = await router(cluster: cluster, access: .key("k", reach: Self.reach)).request(
            .get, "/v1/counts", query: "room=lobby", [.apiKey: "k"])
        #expect(response.text.hasPrefix(#"{"sockets":null,"rooms":{"lobby":3}"#))
        #expect(await router(cluster: cluster).request(.get, "/v1/counts").text.hasPrefix(#"{"sockets":17"#))
    }

    @Test("keep other namespaces of a server out of answers")
    func servers() async {
        let cluster = RecordingCluster {
            $0.servers = [
                ServerDescription(
                    uid: "u", namespaces: ["/", "/x", "/chat"], lastSeen: .zero, subscriptionMode: "static")
            ]
        }
        let response = await router(cluster: cluster, access: .key("k", reach: Self.reach)).request(
            .get, "/v1/servers", query: "namespace=%2F", [.apiKey: "k"])
        #expect(response.text.contains(#""namespaces":["/","/chat"]"#))
    }
}
