import BrokerFixtures
import JSON
import Testing

@testable import AMQPBridge

@Suite("The recorded questions")
struct RecordedQuestionsTests {
    @Test("are asked as recorded, and their answers understood", arguments: Case.all)
    func recorded(example: Case) throws {
        let recorded = try RecordedQuestion(named: example.name)
        let question = example.question
        #expect(try Meaning(of: question.body(id: RecordedQuestion.id)) == recorded.question)
        #expect(question.expires == recorded.expires)
        let progress = recorded.answers.map {
            $0.isTooLarge ? example.gathering.takeTooLarge($0) : example.gathering.take($0)
        }
        // A server has given all of its answer with the last of its messages.
        #expect(progress.dropLast().allSatisfy { $0 == .partial })
        #expect(progress.last == example.end)
        #expect(example.isUnderstood())
    }

    @Test("are all asked here")
    func complete() throws {
        #expect(try Set(Case.all.map(\.name)) == RecordedQuestion.names())
    }
}

/// What is asked, and what it is answered, by the name of the recording.
struct Case: @unchecked Sendable, CustomTestStringConvertible {
    let name: String
    let question: any AnyQuestion
    let gathering: any Gathering
    let end: GatheringProgress
    let isUnderstood: () -> Bool

    var testDescription: String { name }

    init<Answer: Equatable>(
        _ name: String, _ question: Question<Answer>, _ expected: Answer, end: GatheringProgress = .done
    ) {
        self.name = name
        self.question = question
        self.end = end
        gathering = question.gathering
        isUnderstood = { question.gathering.result == expected }
    }
}

extension Case {
    static let all = sockets + rooms + counts + changes + serverSideEmits + acknowledgedEmits

    private static let timeout = Duration.seconds(5)

    private static let sockets: [Case] = [
        fetch(
            "fetch-sockets", FetchSockets(SocketSelection(), limit: 2), hasMore: true,
            socket("a1", rooms: #"["a1", "x", "y"]"#, data: #"{"name": "ä😀"}"#),
            socket("a2", rooms: #"["a2", "y", 42]"#, data: "null")),
        fetch(
            "fetch-sockets-behind-one", FetchSockets(SocketSelection(), fields: [], after: "a1"), socket("a2"),
            socket("b1")),
        fetch(
            "fetch-sockets-selected",
            FetchSockets(
                SocketSelection(namespace: "/chat", rooms: ["x", 42], except: ["z", "b1"]), fields: [.rooms]),
            socket("a1", rooms: #"["a1", "x", "y"]"#), socket("a2", rooms: #"["a2", "y", 42]"#)),
        fetch(
            "fetch-one-socket", FetchSockets(SocketSelection(id: "a2"), fields: [.rooms], limit: 1),
            socket("a2", rooms: #"["a2", "y", 42]"#)),
        fetch(
            "fetch-sockets-too-many-bytes", FetchSockets(SocketSelection(), fields: [.data]), hasMore: true,
            socket("a1", data: "\"" + String(repeating: "x", count: 1_400) + "\""),
            socket("a2", data: "\"" + String(repeating: "x", count: 1_400) + "\"")),
    ]

    private static let rooms: [Case] = [
        list("list-rooms", ListRooms(prefix: "4", limit: 2), hasMore: true, [("4", 1), ("42", 2)]),
        list(
            "list-private-rooms", ListRooms(namespace: "/chat", after: "a1", includesPrivate: true),
            [("a2", 1), ("x", 2)]),
        list("list-rooms-behind-a-number", ListRooms(after: 42, limit: 3), [(5, 1), ("x", 1)]),
        list("list-rooms-while-events-are-told", ListRooms(), [(7, 1), ("x", 2)]),
    ]

    private static let counts: [Case] = [
        Case(
            "count-sockets", Question(CountSockets(rooms: ["x", 42, "42", "nobody"]), timeout: timeout),
            SocketCounts(sockets: 3, rooms: counted([("x", 2), (42, 1), ("42", 1), ("nobody", 0)]))
        ),
        Case(
            "count-selected",
            Question(counting: SocketSelection(rooms: ["x", "y"], except: ["42"]), timeout: timeout), 2),
    ]

    private static let changes: [Case] = [
        change("join", SocketSelection(rooms: ["x"], except: ["b1"]), .join(["n", 7]), matched: 1),
        change(
            "join-room-of-another-socket", SocketSelection(rooms: ["x"]), .join(["n", "b1"]), matched: 1,
            isRefused: true),
        change("leave", SocketSelection(id: "a2"), .leave([42, "x"]), matched: 1),
        change("disconnect", SocketSelection(namespace: "/chat", rooms: ["x"]), .disconnect(close: false), matched: 2),
        change("disconnect-nobody", SocketSelection(rooms: ["nobody"]), .disconnect(close: true), matched: 0),
    ]

    private static let serverSideEmits: [Case] = [
        ask("server-side-emit", ServerSideEmit(event: "sum", arguments: JSONText("1,2.5,[null]")), #"{"sum": 3.5}"#),
        ask(
            "server-side-emit-of-bytes",
            {
                let arguments = JSONText(#"{"_placeholder":true,"num":0},"t""#)
                var command = ServerSideEmit(namespace: "/chat", event: "store", arguments: arguments)
                command.attachments = ["AAEC"]
                return command
            }(), #"{"digest": {"$binary":"/w=="}}"#),
        ask("server-side-emit-unheard", ServerSideEmit(event: "nobody")),
        ask("server-side-emit-too-large", ServerSideEmit(event: "dump"), end: .tooLarge(isLast: true)),
    ]

    private static let acknowledgedEmits: [Case] = [
        acknowledged(
            "acknowledged-emit",
            {
                var emit = Emit(event: "ask", arguments: JSONText(#"{"n":1}"#), rooms: ["x"])
                emit.isVolatile = true
                return emit
            }(), recipients: 3, #"[2, "more"]"#, "[]", "[null]"),
        acknowledged(
            "acknowledged-emit-of-bytes",
            {
                var emit = Emit(event: "ask", arguments: JSONText(#"{"_placeholder":true,"num":0}"#))
                emit.attachments = ["AQI="]
                return emit
            }(), timeout: .milliseconds(200), recipients: 1, #"[{"$binary":"AQI="}, {"deep": [{"$binary":"Aw=="}]}]"#),
        acknowledged("acknowledged-emit-to-nobody", Emit(namespace: "/chat", event: "ask"), recipients: 0),
    ]

    private static func fetch(
        _ name: String, _ command: FetchSockets, hasMore: Bool = false, _ sockets: ClusterSocket...
    ) -> Case {
        Case(name, Question(command, timeout: timeout), SocketPage(sockets: sockets, hasMore: hasMore))
    }

    private static func socket(_ id: String, rooms: String? = nil, data: String? = nil) -> ClusterSocket {
        ClusterSocket(
            id: id, rooms: rooms.map { JSONText($0) }, data: data.map { JSONText($0) }, handshake: nil,
            server: "server")
    }

    private static func list(
        _ name: String, _ command: ListRooms, hasMore: Bool = false, _ rooms: [(RoomName, Int)]
    ) -> Case {
        Case(name, Question(command, timeout: timeout), RoomPage(rooms: counted(rooms), hasMore: hasMore))
    }

    private static func counted(_ rooms: [(RoomName, Int)]) -> [RoomPage.Room] {
        rooms.map { RoomPage.Room(name: $0, sockets: $1) }
    }

    private static func change(
        _ name: String, _ selection: SocketSelection, _ change: ChangeSockets.Change, matched: Int,
        isRefused: Bool = false
    ) -> Case {
        Case(
            name, Question(ChangeSockets(selection, change), timeout: timeout),
            ChangedSockets(matched: matched, isRefused: isRefused))
    }

    private static func ask(
        _ name: String, _ command: ServerSideEmit, end: GatheringProgress = .done, _ values: String...
    ) -> Case {
        let responses = values.map { ServerResponse(server: "server", value: JSONText($0)) }
        return Case(name, Question(command, timeout: timeout), responses, end: end)
    }

    private static func acknowledged(
        _ name: String, _ emit: Emit, timeout: Duration = timeout, recipients: Int, _ responses: String...
    ) -> Case {
        Case(
            name, Question(emit, mode: .all, timeout: timeout),
            Acknowledgements(recipients: recipients, responses: responses.map { JSONText($0) }))
    }
}
