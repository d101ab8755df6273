import JSON
import Testing

@testable import AMQPBridge
@testable import Routes

@Suite("/v1/sockets")
struct SocketRoutesTests {
    private static let page = SocketPage(
        sockets: [
            ClusterSocket(
                id: "s\"1", rooms: JSONText("[\"s\",\"é\"]"), data: JSONText("{\"n\": 0.10}"), handshake: nil,
                server: "x"),
            ClusterSocket(
                id: "s2", rooms: nil, data: nil, handshake: JSONText("{\"url\":\"/\"}"), server: "y"),
        ], hasMore: true)
    private static let partial = ServerTally(expected: 3, responded: 2, missing: ["z"])

    private static func cluster(_ page: SocketPage, _ servers: ServerTally) -> RecordingCluster {
        RecordingCluster { $0.sockets = ClusterAnswer(page, servers: servers) }
    }

    // MARK: Reading

    @Test("lists sockets, says where the next page begins, and who has not answered")
    func list() async {
        let response = await router(cluster: Self.cluster(Self.page, Self.partial)).request(.get, "/v1/sockets")
        #expect(response.status == 200)
        #expect(response.contentType.map { "\($0)" } == "application/json")
        #expect(
            response.text
                == "{\"sockets\":[{\"id\":\"s\\\"1\",\"rooms\":[\"s\",\"é\"],\"data\":{\"n\": 0.10},\"server\":\"x\"},"
                + "{\"id\":\"s2\",\"handshake\":{\"url\":\"/\"},\"server\":\"y\"}],\"nextCursor\":\"s2\",\"complete\":false,"
                + "\"servers\":{\"expected\":3,\"responded\":2,\"missing\":[\"z\"],\"tooLarge\":[]}}\n")
    }

    @Test("has no next page behind the last")
    func lastPage() async {
        let cluster = Self.cluster(
            SocketPage(sockets: [], hasMore: false), .init(expected: 0, responded: 0, missing: []))
        let response = await router(cluster: cluster).request(.get, "/v1/sockets")
        #expect(
            response.text
                == "{\"sockets\":[],\"nextCursor\":null,\"complete\":true,\"servers\":{\"expected\":0,\"responded\":0,\"missing\":[],\"tooLarge\":[]}}\n"
        )
    }

    @Test("has no next page behind the last, however many are on it")
    func fullLastPage() async {
        let cluster = Self.cluster(SocketPage(sockets: Self.page.sockets, hasMore: false), Self.partial)
        let response = await router(cluster: cluster).request(.get, "/v1/sockets")
        #expect(response.text.contains("\"nextCursor\":null"))
    }

    @Test("asks for all sockets, with what is usual")
    func defaults() async {
        let cluster = Self.cluster(Self.page, Self.partial)
        _ = await router(cluster: cluster).request(.get, "/v1/sockets")
        #expect(
            cluster.questions == [
                .sockets(FetchSockets(SocketSelection(), fields: [.rooms, .data], limit: 100), timeout: .seconds(5))
            ])
    }

    @Test("takes the same in a query and in a body")
    func parameters() async {
        let cluster = Self.cluster(Self.page, Self.partial)
        let router = router(cluster: cluster)
        let query =
            "namespace=%2Fchat&room=a&room=b&except=c&fields=handshake&fields=rooms&limit=1000&cursor=s%2B1&timeoutMs=70"
        #expect(await router.request(.get, "/v1/sockets", query: query).status == 200)
        let body =
            "{\"namespace\":\"/chat\",\"rooms\":[\"a\",\"b\"],\"except\":[\"c\"],\"fields\":[\"handshake\",\"rooms\"],"
            + "\"limit\":1000,\"cursor\":\"s+1\",\"timeoutMs\":70}"
        #expect(await router.request(.post, "/v1/sockets/query", body: body).status == 200)
        let expected = RecordingCluster.Question.sockets(
            FetchSockets(
                SocketSelection(namespace: "/chat", rooms: ["a", "b"], except: ["c"]), fields: [.rooms, .handshake],
                after: "s+1", limit: 1_000),
            timeout: .milliseconds(70))
        #expect(cluster.questions == [expected, expected])
        // No fields at all are a choice, too.
        _ = await router.request(.post, "/v1/sockets/query", body: "{\"fields\":[],\"except\":[]}")
        #expect(
            cluster.questions.last
                == .sockets(FetchSockets(SocketSelection(), fields: [], limit: 100), timeout: .seconds(5)))
    }

    @Test(
        "takes one room by itself, another name for rooms, and fields with commas between them",
        arguments: [
            ("room=a&fields=rooms,data", nil, ["a"], [.rooms, .data]), ("in=a&in=b&fields=id", nil, ["a", "b"], []),
            ("fields=handshake&fields=rooms", nil, [], [.rooms, .handshake]),
            (nil, "{\"rooms\":\"a\",\"fields\":\"rooms\"}", ["a"], [.rooms]),
            (nil, "{\"in\":7,\"fields\":[\"id\",\"data\"]}", [7], [.data]),
        ] as [(String?, String?, [RoomName], Set<SocketField>)])
    func tolerance(query: String?, body: String?, rooms: [RoomName], fields: Set<SocketField>) async {
        let cluster = RecordingCluster()
        let path = body == nil ? "/v1/sockets" : "/v1/sockets/query"
        _ = await router(cluster: cluster).request(body == nil ? .get : .post, path, query: query ?? "", body: body)
        let wanted = SocketField.allCases.filter(fields.contains)
        #expect(
            cluster.questions
                == [
                    .sockets(
                        FetchSockets(SocketSelection(rooms: rooms), fields: wanted, limit: 100), timeout: .seconds(5))
                ])
    }

    @Test(
        "asks nothing for a query that is not valid",
        arguments: [
            ("limit=0", "?limit"), ("limit=1001", "?limit"), ("limit=x", "?limit"), ("rooms=a", "?rooms"),
            ("fields=all", "?fields"), ("fields=rooms&fields=", "?fields"), ("cursor=a&cursor=b", "?cursor"),
            ("namespace=x", "?namespace"), ("room=", "?room"), ("timeoutMs=60001", "?timeoutMs"), ("x=1", "?x"),
            ("in=a&room=b", "?in"), ("in=", "?in"), ("fields=rooms,auth", "?fields"),
        ])
    func badQueries(query: String, pointer: String) async {
        let cluster = RecordingCluster()
        let response = await router(cluster: cluster).request(.get, "/v1/sockets", query: query)
        #expect(response.status == 422)
        #expect(response.pointers == [pointer])
        #expect(cluster.questions.isEmpty)
    }

    @Test("does not look away from the query of a POST", arguments: ["/v1/sockets/query", "/v1/sockets/join"])
    func queryOfPost(path: String) async {
        let emitter = RecordingEmitter()
        let body = path == "/v1/sockets/join" ? "{\"all\":true,\"rooms\":[\"r\"]}" : "{}"
        let response = await router(emitter).request(.post, path, query: "namespace=/chat", body: body)
        #expect(response.status == 422)
        #expect(response.code == "invalid_request")
        #expect(emitter.questions.isEmpty)
    }

    @Test("refuses a query that is not one")
    func malformedQuery() async {
        #expect(await router().request(.get, "/v1/sockets", query: "room=%").status == 400)
    }

    @Test("says why nobody could be asked")
    func errors() async {
        let response = await router().request(.get, "/v1/sockets")
        #expect(response.status == 503)
        #expect(response.code == "no_servers")
        let cluster = RecordingCluster { $0.error = .overloaded }
        #expect(await router(cluster: cluster).request(.get, "/v1/sockets/a").code == "overloaded")
    }

    // MARK: One socket

    @Test("shows one socket")
    func one() async {
        let cluster = Self.cluster(SocketPage(sockets: [Self.page.sockets[0]], hasMore: false), Self.partial)
        let response = await router(cluster: cluster).request(
            .get, "/v1/sockets/s%221", query: "namespace=/c&fields=data&timeoutMs=9")
        #expect(response.status == 200)
        #expect(
            response.text
                == "{\"id\":\"s\\\"1\",\"rooms\":[\"s\",\"é\"],\"data\":{\"n\": 0.10},\"server\":\"x\",\"complete\":false,"
                + "\"servers\":{\"expected\":3,\"responded\":2,\"missing\":[\"z\"],\"tooLarge\":[]}}\n")
        #expect(
            cluster.questions == [
                .sockets(
                    FetchSockets(SocketSelection(namespace: "/c", id: "s\"1"), fields: [.data], limit: 1),
                    timeout: .milliseconds(9))
            ])
    }

    @Test("is sure that there is no such socket only when every server has answered")
    func missing() async {
        let none = SocketPage(sockets: [], hasMore: false)
        let all = ServerTally(expected: 3, responded: 3, missing: [])
        let response = await router(cluster: Self.cluster(none, all)).request(.get, "/v1/sockets/s")
        #expect(response.status == 404)
        #expect(response.code == "not_found")
        let incomplete = await router(cluster: Self.cluster(none, Self.partial)).request(.get, "/v1/sockets/s")
        #expect(incomplete.status == 503)
        #expect(incomplete.code == "incomplete")
        #expect(incomplete.text.contains("1 of 3"))
        #expect(incomplete.field("Retry-After") == "1")
    }

    @Test(
        "takes no id that is none",
        arguments: [
            ("%", 400), ("%FF", 400), (String(repeating: "x", count: 256), 422),
            (String(repeating: "x", count: 255), 503),
        ])
    func ids(id: String, status: Int) async {
        for (method, suffix, body) in [(.get, "", nil), (.post, "/join", "{\"rooms\":[\"r\"]}")]
            as [(HTTPMethod, String, String?)]
        {
            #expect(await router().request(method, "/v1/sockets/\(id)\(suffix)", body: body).status == status)
        }
    }

    @Test("does something to one socket")
    func changesOne() async {
        let emitter = RecordingEmitter()
        let router = router(emitter)
        _ = await router.request(.delete, "/v1/sockets/a%2Bb+c", query: "namespace=/c&close=true&timeoutMs=9")
        _ = await router.request(.delete, "/v1/sockets/a")
        _ = await router.request(
            .post, "/v1/sockets/a/join", body: "{\"rooms\":[\"r\",\"s\"],\"namespace\":\"/c\",\"timeoutMs\":8}")
        _ = await router.request(.post, "/v1/sockets/a/leave", body: "{\"rooms\":[\"r\"]}")
        let (plus, plain) = (SocketSelection(namespace: "/c", id: "a+b+c"), SocketSelection(id: "a"))
        #expect(
            emitter.questions == [
                .change(ChangeSockets(plus, .disconnect(close: true)), timeout: .milliseconds(9)),
                .change(ChangeSockets(plain, .disconnect(close: false)), timeout: .seconds(5)),
                .change(
                    ChangeSockets(SocketSelection(namespace: "/c", id: "a"), .join(["r", "s"])),
                    timeout: .milliseconds(8)),
                .change(ChangeSockets(plain, .leave(["r"])), timeout: .seconds(5)),
            ])
    }

    // MARK: Many sockets

    @Test("does something to many sockets")
    func changesMany() async {
        let emitter = RecordingEmitter()
        let router = router(emitter)
        _ = await router.request(
            .post, "/v1/sockets/join",
            body: "{\"in\":[\"a\",\"b\"],\"except\":[\"c\"],\"rooms\":[\"r\"],\"namespace\":\"/c\"}")
        _ = await router.request(.post, "/v1/sockets/leave", body: "{\"all\":true,\"rooms\":[\"r\"],\"except\":[]}")
        _ = await router.request(
            .post, "/v1/sockets/disconnect", body: "{\"in\":[\"a\"],\"close\":true,\"timeoutMs\":9}")
        #expect(
            emitter.questions == [
                .change(
                    ChangeSockets(SocketSelection(namespace: "/c", rooms: ["a", "b"], except: ["c"]), .join(["r"])),
                    timeout: .seconds(5)),
                .change(ChangeSockets(SocketSelection(), .leave(["r"])), timeout: .seconds(5)),
                .change(
                    ChangeSockets(SocketSelection(rooms: ["a"]), .disconnect(close: true)), timeout: .milliseconds(9)),
            ])
    }

    @Test(
        "does nothing to everybody unless it is told to",
        arguments: [
            ("{\"rooms\":[\"r\"]}", ["/in"]), ("{\"rooms\":[\"r\"],\"in\":[]}", ["/in"]),
            ("{\"rooms\":[\"r\"],\"all\":false}", ["/all"]),
            ("{\"rooms\":[\"r\"],\"in\":[\"a\"],\"all\":true}", ["/all"]),
            ("{\"rooms\":[\"r\"],\"in\":[\"a\"],\"all\":false}", ["/all"]),
            ("{\"rooms\":[\"r\"],\"in\":{}}", ["/in"]),
            ("{\"rooms\":[\"r\"],\"in\":null,\"all\":true}", ["/in"]),
            ("{\"rooms\":[\"r\"],\"all\":1}", ["/all", "/in"]),
            ("{\"rooms\":[\"r\"],\"in\":[\"\"]}", ["/in/0"]), ("{\"in\":[\"a\"]}", ["/rooms"]),
            ("{\"in\":[\"a\"],\"rooms\":[]}", ["/rooms"]), ("{\"in\":[\"a\"],\"rooms\":true}", ["/rooms"]),
            ("{\"in\":[\"a\"],\"rooms\":[\"r\"],\"close\":true}", ["/close"]),
            ("{\"in\":[\"a\"],\"rooms\":[\"r\"],\"exept\":[\"b\"]}", ["/exept"]), ("{}", ["/in", "/rooms"]),
        ])
    func badBodies(body: String, expected: [String]) async {
        for path in ["/v1/sockets/join", "/v1/sockets/leave"] {
            let emitter = RecordingEmitter()
            let response = await router(emitter).request(.post, path, body: body)
            #expect(response.status == 422)
            #expect(response.pointers.sorted() == expected)
            #expect(emitter.questions.isEmpty)
        }
    }

    @Test(
        "disconnects nobody by mistake",
        arguments: ["{}", "{\"close\":true}", "{\"in\":[]}", "{\"rooms\":[\"r\"],\"in\":[\"a\"]}"])
    func badDisconnects(body: String) async {
        let emitter = RecordingEmitter()
        #expect(await router(emitter).request(.post, "/v1/sockets/disconnect", body: body).status == 422)
        #expect(emitter.questions.isEmpty)
    }

    // MARK: What became of it

    @Test(
        "says how many sockets it was done to",
        arguments: [
            (
                2, ServerTally(expected: 1, responded: 1, missing: []),
                "\"status\":\"confirmed\",\"matched\":2,\"complete\":true"
            ),
            (
                0, ServerTally(expected: 1, responded: 1, missing: []),
                "\"status\":\"confirmed\",\"matched\":0,\"complete\":true"
            ),
            (
                nil, ServerTally(expected: 1, responded: 1, missing: []),
                "\"status\":\"confirmed\",\"matched\":null,\"complete\":true"
            ),
            (1, partial, "\"status\":\"partial\",\"matched\":1,\"complete\":false"),
        ] as [(Int?, ServerTally, String)])
    func done(matched: Int?, servers: ServerTally, text: String) async {
        let emitter = RecordingEmitter()
        emitter.answers.withLock { $0.change = .success(.done(ClusterAnswer(matched, servers: servers))) }
        let response = await router(emitter).request(.post, "/v1/sockets/disconnect", body: "{\"all\":true}")
        #expect(response.status == 200)
        #expect(response.text.hasPrefix("{\(text),\"servers\":{"))
        #expect(response.text.hasSuffix("}}\n"))
    }

    @Test("says that nobody has verified it")
    func published() async {
        let emitter = RecordingEmitter()
        emitter.answers.withLock { $0.change = .success(.published) }
        let response = await router(emitter).request(.delete, "/v1/sockets/a")
        #expect(response.status == 202)
        #expect(response.text == "{\"status\":\"accepted\",\"matched\":null,\"verified\":false}\n")
    }

    @Test("says that the one socket is not there")
    func notThere() async {
        let emitter = RecordingEmitter()
        for (matched, servers, status) in [
            (0, .init(expected: 1, responded: 1, missing: []), 404), (0, Self.partial, 503), (1, Self.partial, 200),
            (nil, Self.partial, 200),
        ] as [(Int?, ServerTally, Int)] {
            emitter.answers.withLock { $0.change = .success(.done(ClusterAnswer(matched, servers: servers))) }
            #expect(await router(emitter).request(.delete, "/v1/sockets/a").status == status)
        }
    }

    @Test("says why it could not be done")
    func changeErrors() async {
        let response = await router().request(.delete, "/v1/sockets/a")
        #expect(response.status == 503)
        #expect(response.code == "no_servers")
    }
}
