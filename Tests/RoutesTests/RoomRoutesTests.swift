import JSON
import Testing

@testable import AMQPBridge
@testable import Routes

@Suite("/v1/rooms and /v1/counts")
struct RoomRoutesTests {
    private static let page = RoomPage(
        rooms: [RoomPage.Room(name: "a\"", sockets: 3), RoomPage.Room(name: "b", sockets: 1)], hasMore: true)
    private static let all = ServerTally(expected: 2, responded: 2, missing: [])

    @Test("lists rooms and how many sockets each has")
    func list() async {
        let cluster = RecordingCluster { $0.rooms = ClusterAnswer(Self.page, servers: Self.all) }
        let response = await router(cluster: cluster).request(.get, "/v1/rooms")
        #expect(response.status == 200)
        #expect(
            response.text
                == "{\"rooms\":[{\"room\":\"a\\\"\",\"sockets\":3},{\"room\":\"b\",\"sockets\":1}],\"nextCursor\":\"b\","
                + "\"complete\":true,\"servers\":{\"expected\":2,\"responded\":2,\"missing\":[],\"tooLarge\":[]}}\n")
        #expect(cluster.questions == [.rooms(ListRooms(), timeout: .seconds(5))])
    }

    @Test("lists numbers as numbers, and goes on behind them")
    func numbers() async throws {
        for (last, cursor, encoded) in [
            (42, "#42", "%2342"), (-1, "#-1", "%23-1"), ("42", "42", "42"), ("#42", "##42", "%23%2342"),
            ("#", "##", "%23%23"),
        ] as [(RoomName, String, String)] {
            let cluster = RecordingCluster {
                let rooms = [RoomPage.Room(name: 7, sockets: 1), RoomPage.Room(name: last, sockets: 2)]
                $0.rooms = ClusterAnswer(RoomPage(rooms: rooms, hasMore: true), servers: Self.all)
            }
            let router = router(cluster: cluster)
            let response = await router.request(.get, "/v1/rooms")
            #expect(response.text.hasPrefix("{\"rooms\":[{\"room\":7,\"sockets\":1},{\"room\":"))
            #expect(try response.members()["nextCursor"]?.string == cursor)
            _ = await router.request(.get, "/v1/rooms", query: "cursor=\(encoded)")
            #expect(cluster.questions.last == .rooms(ListRooms(after: last), timeout: .seconds(5)))
        }
    }

    @Test(
        "takes no cursor that was in no answer",
        arguments: ["%23", "%23x", "%231.0", "%23%20", "%239007199254740993"])
    func badCursors(cursor: String) async {
        let response = await router().request(.get, "/v1/rooms", query: "cursor=\(cursor)")
        #expect(response.status == 422)
        #expect(response.pointers == ["?cursor"])
    }

    @Test("counts numbers apart from text of the same digits")
    func countsNumbers() async {
        let cluster = RecordingCluster {
            let rooms: [RoomPage.Room] = [
                .init(name: 42, sockets: 1), .init(name: "42", sockets: 2), .init(name: -7, sockets: 0),
            ]
            $0.counts = ClusterAnswer(SocketCounts(sockets: 17, rooms: rooms), servers: Self.all)
        }
        let response = await router(cluster: cluster).request(
            .post, "/v1/counts", body: "{\"rooms\":[42,\"42\",-7]}")
        #expect(
            response.text.hasPrefix("{\"sockets\":17,\"rooms\":{\"42\":2},\"numbers\":{\"42\":1,\"-7\":0},\"complete\"")
        )
        #expect(cluster.questions == [.counts(CountSockets(rooms: [42, "42", -7]), timeout: .seconds(5))])
    }

    @Test("has no next page behind the last")
    func lastPage() async {
        let cluster = RecordingCluster {
            $0.rooms = ClusterAnswer(RoomPage(rooms: Self.page.rooms, hasMore: false), servers: Self.all)
        }
        #expect(await router(cluster: cluster).request(.get, "/v1/rooms").text.contains("\"nextCursor\":null"))
    }

    @Test("takes a prefix, a page and rooms that are sockets")
    func parameters() async {
        let cluster = RecordingCluster { $0.rooms = ClusterAnswer(Self.page, servers: Self.all) }
        let query = "namespace=/c&prefix=user%3A&limit=1&cursor=x&private=true&timeoutMs=60000"
        _ = await router(cluster: cluster).request(.get, "/v1/rooms", query: query)
        #expect(
            cluster.questions == [
                .rooms(
                    ListRooms(namespace: "/c", prefix: "user:", after: "x", limit: 1, includesPrivate: true),
                    timeout: .seconds(60))
            ])
    }

    @Test(
        "asks nothing for a query that is not valid",
        arguments: [
            ("limit=0", "?limit"), ("limit=1001", "?limit"), ("private=yes", "?private"), ("room=a", "?room"),
            ("timeoutMs=-1", "?timeoutMs"),
        ])
    func badQueries(query: String, pointer: String) async {
        let cluster = RecordingCluster()
        let response = await router(cluster: cluster).request(.get, "/v1/rooms", query: query)
        #expect(response.status == 422)
        #expect(response.pointers == [pointer])
        #expect(cluster.questions.isEmpty)
    }

    @Test("counts sockets in rooms, in the order of the question")
    func counts() async {
        let cluster = RecordingCluster {
            $0.counts = ClusterAnswer(
                SocketCounts(sockets: 17, rooms: [.init(name: "b", sockets: 0), .init(name: "a\"", sockets: 3)]),
                servers: Self.all)
        }
        let router = router(cluster: cluster)
        let expected =
            "{\"sockets\":17,\"rooms\":{\"b\":0,\"a\\\"\":3},\"complete\":true,"
            + "\"servers\":{\"expected\":2,\"responded\":2,\"missing\":[],\"tooLarge\":[]}}\n"
        #expect(
            await router.request(.get, "/v1/counts", query: "room=b&room=a%22&namespace=/c&timeoutMs=9").text
                == expected)
        #expect(
            await router.request(
                .post, "/v1/counts", body: "{\"rooms\":[\"b\",\"a\\\"\"],\"namespace\":\"/c\",\"timeoutMs\":9}"
            ).text == expected)
        let question = RecordingCluster.Question.counts(
            CountSockets(namespace: "/c", rooms: ["b", "a\""]), timeout: .milliseconds(9))
        #expect(cluster.questions == [question, question])
        for body in ["{}", "{\"rooms\":[]}"] { _ = await router.request(.post, "/v1/counts", body: body) }
        #expect(
            cluster.questions.suffix(2) == [
                .counts(CountSockets(), timeout: .seconds(5)), .counts(CountSockets(), timeout: .seconds(5)),
            ])
    }

    @Test(
        "counts nothing for what is not valid",
        arguments: ["{\"room\":[\"a\"]}", "{\"rooms\":[\"\"]}", "{\"limit\":1}"])
    func badBodies(body: String) async {
        let cluster = RecordingCluster()
        #expect(await router(cluster: cluster).request(.post, "/v1/counts", body: body).status == 422)
        #expect(cluster.questions.isEmpty)
    }

    @Test("say why nobody could be asked", arguments: ["/v1/rooms", "/v1/counts"])
    func errors(path: String) async {
        let cluster = RecordingCluster { $0.error = .brokerBlocked(reason: "low") }
        let response = await router(cluster: cluster).request(.get, path)
        #expect(response.status == 503)
        #expect(response.code == "broker_blocked")
    }
}
