import BrokerFixtures
import Foundation
import JSON
import Testing

@testable import AMQPBridge

/// What real servers say to each other: Fixtures/cluster.json.
private struct ClusterRecording: Decodable {
    struct Case: Decodable {
        let name: String
        let messages: [Message]
    }

    struct Message: Decodable {
        let to: String
        let message: Meaning
    }

    let cases: [Case]

    init() throws {
        let file = try #require(
            Bundle.module.url(forResource: "cluster", withExtension: "json", subdirectory: "Fixtures"))
        self = try JSONDecoder().decode(ClusterRecording.self, from: Data(contentsOf: file))
    }

    /// The message that a server sent to the others, with our uid and the id of our question in place of its own.
    func question(_ name: String) throws -> Meaning {
        let messages = try #require(cases.first { $0.name == name }).messages
        var message = try #require(messages.first { $0.to == "cluster" }).message.members
        message["uid"] = .string("emitter")
        if var data = message["data"]?.members {
            if data["requestId"] != nil { data["requestId"] = .string("id") }
            message["data"] = .object(data)
        }
        return .object(message)
    }
}

extension Meaning {
    fileprivate var members: [String: Meaning] { if case .object(let members) = self { members } else { [:] } }

    /// Whatever is in `self` and not in `other`, by path; `nil` if anything of `other` is missing or different.
    fileprivate func additions(to other: Meaning, at path: String = "") -> Set<String>? {
        guard case .object(let mine) = self, case .object(let theirs) = other else { return self == other ? [] : nil }
        var additions = Set(mine.keys).subtracting(theirs.keys).map { path + $0 }
        for (key, value) in theirs {
            guard let more = mine[key]?.additions(to: value, at: "\(path)\(key).") else { return nil }
            additions += more
        }
        return Set(additions)
    }
}

@Suite("A question")
struct QuestionTests {
    private static let timeout = Duration.milliseconds(200)

    /// The questions that correspond to the recorded calls, and what they say beyond them.
    private static func recorded(_ name: String) -> (any AnyQuestion, additions: Set<String>)? {
        switch name {
        case "broadcast-room-except-flags":
            var emit = Emit(event: "hello", rooms: ["room1", "room2"], except: ["room3"])
            emit.isVolatile = true
            emit.isCompressed = false
            return (Question(emit, mode: .all, timeout: timeout), ["data.requestId", "data.opts.flags.timeout"])
        case "broadcast":
            let emit = Emit(event: "hello", arguments: JSONText("{\"a\":1}"))
            return (Question(emit, mode: .all, timeout: timeout), ["data.requestId", "data.opts.flags.timeout"])
        case "broadcast-with-ack":
            let emit = Emit(event: "ask", arguments: JSONText("42"))
            return (Question(emit, mode: .first, timeout: timeout), [])
        case "fetch-sockets":
            let fetch = FetchSockets(SocketSelection(rooms: ["room1"]), limit: 7)
            return (Question(fetch, timeout: timeout), ["data.fields", "data.limit", "data.numbers"])
        case "sockets-join":
            let join = ChangeSockets(SocketSelection(rooms: ["room1"]), .join(["room8", "room9"]))
            return (Question(join, timeout: timeout), ["data.requestId"])
        case "sockets-leave":
            // A single room was recorded as an array, too.
            let leave = ChangeSockets(SocketSelection(rooms: ["room1"], except: ["room3"]), .leave(["room9"]))
            return (Question(leave, timeout: timeout), ["data.requestId"])
        case "disconnect-sockets":
            let disconnect = ChangeSockets(SocketSelection(rooms: ["room8"]), .disconnect(close: true))
            return (Question(disconnect, timeout: timeout), ["data.requestId"])
        case "server-side-emit-with-ack":
            return (Question(ServerSideEmit(event: "whoAreYou", arguments: JSONText("1")), timeout: timeout), [])
        default: return nil
        }
    }

    @Test(
        "says what servers were seen to ask each other, and no more than it should",
        arguments: [
            "broadcast", "broadcast-room-except-flags", "broadcast-with-ack", "fetch-sockets", "sockets-join",
            "sockets-leave", "disconnect-sockets", "server-side-emit-with-ack",
        ])
    func asRecorded(name: String) throws {
        let (question, additions) = try #require(Self.recorded(name))
        let recorded = try ClusterRecording().question(name)
        #expect(try Meaning(of: question.body(id: "id")).additions(to: recorded) == additions)
    }

    @Test("to the servers themselves carries bytes beside the packet, as an emit does")
    func bytesForServers() throws {
        var command = ServerSideEmit(event: "e", arguments: JSONText("{\"_placeholder\":true,\"num\":0}"))
        command.attachments = ["AAEC", ""]
        let text = String(decoding: Question(command, timeout: .seconds(5)).body(id: "id"), as: UTF8.self)
        #expect(
            text == "{\"uid\":\"emitter\",\"nsp\":\"/\",\"type\":9,\"data\":{\"requestId\":\"id\","
                + "\"packet\":[\"e\",{\"_placeholder\":true,\"num\":0}],\"attachments\":[\"AAEC\",\"\"]}}")
    }

    @Test("is an emit to the servers if it wants no answer")
    func serverSideEmit() throws {
        let command = ServerSideEmit(event: "whoAreYou", arguments: JSONText("1"))
        let body = ClusterMessage.write(.serverSideEmit, namespace: "/") { $0.packet(of: command) }
        #expect(try Meaning(of: body) == ClusterRecording().question("server-side-emit"))
    }

    @Test("is spelt as the protocol's description has it")
    func bodies() {
        let timeout = Self.timeout
        let questions: [(any AnyQuestion, String)] = [
            (
                Question(
                    FetchSockets(
                        SocketSelection(namespace: "/c"), fields: [.rooms, .handshake], after: "x", limit: 100),
                    timeout: timeout),
                "7,\"data\":{\"requestId\":\"id\",\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},"
                    + "\"fields\":[\"rooms\",\"handshake\"],\"after\":\"x\",\"limit\":101,\"numbers\":true}"
            ),
            (
                Question(
                    FetchSockets(SocketSelection(namespace: "/c", id: "s"), fields: [], limit: 1), timeout: timeout),
                "7,\"data\":{\"requestId\":\"id\",\"opts\":{\"rooms\":[\"s\"],\"except\":[],\"flags\":{}},\"id\":\"s\","
                    + "\"fields\":[],\"limit\":2,\"numbers\":true}"
            ),
            (
                Question(ListRooms(namespace: "/c", prefix: "p", after: "a", limit: 10), timeout: timeout),
                "7,\"data\":{\"requestId\":\"id\",\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},\"fields\":[\"rooms\"],"
                    + "\"count\":true,\"list\":{\"prefix\":\"p\",\"after\":\"a\",\"limit\":11,\"private\":false},\"numbers\":true}"
            ),
            (
                Question(ListRooms(namespace: "/c", limit: 1, includesPrivate: true), timeout: timeout),
                "7,\"data\":{\"requestId\":\"id\",\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},\"fields\":[\"rooms\"],"
                    + "\"count\":true,\"list\":{\"prefix\":\"\",\"limit\":2,\"private\":true},\"numbers\":true}"
            ),
            (
                Question(CountSockets(namespace: "/c", rooms: ["a", "b", "a"]), timeout: timeout),
                "7,\"data\":{\"requestId\":\"id\",\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},\"fields\":[\"rooms\"],"
                    + "\"count\":true,\"rooms\":[\"a\",\"b\"],\"numbers\":true}"
            ),
            (
                Question(
                    counting: SocketSelection(namespace: "/c", rooms: ["a", "b", "a"], except: ["c"]), timeout: timeout),
                "7,\"data\":{\"requestId\":\"id\",\"opts\":{\"rooms\":[\"a\",\"b\"],\"except\":[\"c\"],\"flags\":{}},"
                    + "\"fields\":[],\"count\":true,\"numbers\":true}"
            ),
            (
                Question(
                    ChangeSockets(SocketSelection(namespace: "/c", id: "s"), .disconnect(close: false)),
                    timeout: timeout),
                "6,\"data\":{\"requestId\":\"id\",\"opts\":{\"rooms\":[\"s\"],\"except\":[],\"flags\":{}},\"id\":\"s\","
                    + "\"close\":false}"
            ),
            (
                Question(ServerSideEmit(namespace: "/c", event: "e"), timeout: timeout),
                "9,\"data\":{\"requestId\":\"id\",\"packet\":[\"e\"]}"
            ),
        ]
        for (question, rest) in questions {
            let body = String(decoding: question.body(id: "id"), as: UTF8.self)
            #expect(body == "{\"uid\":\"emitter\",\"nsp\":\"/c\",\"type\":" + rest + "}")
        }
    }

    @Test("names rooms that are numbers as JSON's integers, and asks them only of servers that have such")
    func numbers() {
        let timeout = Self.timeout
        let selection = SocketSelection(rooms: [42, "42", 42], except: [-1])
        let emit = Emit(event: "e", rooms: [42], except: ["a", 7])
        let questions: [(any AnyQuestion, String)] = [
            (Question(FetchSockets(selection), timeout: timeout), "\"rooms\":[42,\"42\"],\"except\":[-1],"),
            (Question(CountSockets(rooms: [42, "a"]), timeout: timeout), "\"count\":true,\"rooms\":[42,\"a\"]"),
            (Question(counting: selection, timeout: timeout), "\"rooms\":[42,\"42\"],\"except\":[-1],"),
            (Question(ChangeSockets(SocketSelection(), .join([42])), timeout: timeout), "},\"rooms\":[42]}"),
            (
                Question(ChangeSockets(SocketSelection(), .leave([42, "b"])), timeout: timeout),
                "},\"rooms\":[42,\"b\"]}"
            ),
            (
                Question(ChangeSockets(SocketSelection(rooms: [42]), .disconnect(close: true)), timeout: timeout),
                "\"rooms\":[42],"
            ),
            (Question(emit, mode: .all, timeout: timeout), "\"rooms\":[42],\"except\":[\"a\",7],"),
        ]
        for (question, text) in questions {
            let body = String(decoding: question.body(id: "id"), as: UTF8.self)
            #expect(body.contains(text), "\(body)")
            #expect(question.features == (question.kind == .broadcast ? [.acks, .numbers] : [.numbers]))
        }
        let names = ChangeSockets(SocketSelection(rooms: ["42"]), .join(["42"]))
        #expect(Question(names, timeout: timeout).features == [])
        #expect(Question(FetchSockets(SocketSelection()), timeout: timeout).features == [])
        #expect(Question(Emit(event: "e", rooms: ["42"]), mode: .all, timeout: timeout).features == [.acks])
    }

    @Test("lists what is behind a number in words that every server understands, and is no other list's question")
    func behindNumbers() {
        func question(_ after: RoomName, _ limit: Int) -> Question<RoomPage> {
            Question(ListRooms(after: after, limit: limit), timeout: Self.timeout)
        }
        let body = String(decoding: question(42, 10).body(id: "id"), as: UTF8.self)
        #expect(body.contains("\"after\":\"42\",\"limit\":12,"))
        #expect(question(42, 10).features == [])
        #expect(question(42, 10).data == question("42", 11).data)
        #expect(question(42, 10).key != question("42", 11).key)
        #expect(question(42, 10).key == question(42, 10).key)
    }

    @Test("names a room once, and keeps rooms that Unicode calls equal apart")
    func names() {
        let selection = SocketSelection(rooms: ["a", "a", "é", "e\u{301}"], except: ["x", "x"])
        let join = ChangeSockets(selection, .join(["j", "j"]))
        let body = String(decoding: Question(join, timeout: Self.timeout).body(id: "id"), as: UTF8.self)
        #expect(body.contains("\"rooms\":[\"a\",\"é\",\"e\u{301}\"],\"except\":[\"x\"]"))
        #expect(body.contains("\"rooms\":[\"j\"]"))
    }

    @Test("leaves out whom the emit leaves out, rooms and sockets, and carries its bytes")
    func emits() throws {
        var emit = Emit(
            namespace: "/c", event: "e", arguments: JSONText("{\"_placeholder\":true,\"num\":0}"), except: ["r"],
            exceptSockets: ["s", "r"])
        emit.attachments = ["AQI="]
        let body = String(decoding: Question(emit, mode: .all, timeout: .seconds(60)).body(id: "id"), as: UTF8.self)
        #expect(
            body
                == "{\"uid\":\"emitter\",\"nsp\":\"/c\",\"type\":3,\"data\":{\"requestId\":\"id\",\"packet\":{\"type\":2,\"data\":[\"e\","
                + "{\"_placeholder\":true,\"num\":0}]},\"opts\":{\"rooms\":[],\"except\":[\"r\",\"s\"],"
                + "\"flags\":{\"timeout\":60000}},\"attachments\":[\"AQI=\"]}}")
    }

    @Test("cannot be forged by what a caller names", arguments: ["\"}}", "\\\",\"x\":\"", "\n", "\u{0}", "\u{2028}"])
    func escapes(name: String) throws {
        let selection = SocketSelection(namespace: "/" + name, rooms: [.name(name)], except: [.name(name)])
        let questions: [any AnyQuestion] = [
            Question(FetchSockets(selection, after: name), timeout: Self.timeout),
            Question(ListRooms(namespace: "/" + name, prefix: name, after: .name(name)), timeout: Self.timeout),
            Question(CountSockets(namespace: "/" + name, rooms: [.name(name)]), timeout: Self.timeout),
            Question(ChangeSockets(selection, .join([.name(name)])), timeout: Self.timeout),
            Question(ServerSideEmit(namespace: "/" + name, event: name), timeout: Self.timeout),
            Question(Emit(namespace: "/" + name, event: name, rooms: [.name(name)]), mode: .all, timeout: Self.timeout),
        ]
        for question in questions {
            let body = try Meaning(of: question.body(id: "id")).members
            #expect(Set(body.keys) == ["uid", "nsp", "type", "data"])
            #expect(body["nsp"] == .string("/" + name))
            let data = try #require(body["data"]?.members)
            #expect(data["x"] == nil)
            #expect(data["requestId"] == .string("id"))
        }
        let fetch = try Meaning(of: questions[0].body(id: "id")).members
        #expect(fetch["data"]?.members["after"] == .string(name))
    }

    @Test("is the same as another if it is a read that asks the same, of the same, for as long")
    func keys() {
        func key(_ namespace: String = "/", _ rooms: [RoomName] = ["a"], _ timeout: Duration = .seconds(5)) -> ReadKey?
        {
            Question(CountSockets(namespace: namespace, rooms: rooms), timeout: timeout).key
        }
        #expect(key() != nil)
        #expect(key() == key())
        #expect(key() != key("/c"))
        #expect(key() != key("/", ["b"]))
        #expect(key() != key("/", ["a"], .seconds(4)))
        #expect(key("/\u{E9}") != key("/e\u{301}"))
        #expect(key("/", ["\u{E9}"]) != key("/", ["e\u{301}"]))
        #expect(Question(FetchSockets(SocketSelection()), timeout: Self.timeout).key != nil)
        #expect(Question(ListRooms(), timeout: Self.timeout).key != nil)
    }

    @Test("is never the same as another if it changes something")
    func writes() {
        let change = Question(ChangeSockets(SocketSelection(), .join(["a"])), timeout: Self.timeout)
        let serverSide = Question(ServerSideEmit(event: "e"), timeout: Self.timeout)
        let emit = Question(Emit(event: "e"), mode: .all, timeout: Self.timeout)
        for question in [change, serverSide, emit] as [any AnyQuestion] {
            #expect(question.key == nil)
            #expect(!question.isRead)
        }
        // They are carried out however late they come; an emit whose acknowledgements nobody awaits any more is not.
        #expect(!change.expires && !serverSide.expires && emit.expires)
        #expect(Question(ListRooms(), timeout: Self.timeout).expires)
    }

    @Test("carries a trace unless its answer may be for several")
    func traces() {
        var change = ChangeSockets(SocketSelection(), .join(["a"]))
        var serverSide = ServerSideEmit(event: "e")
        var emit = Emit(event: "e")
        (change.trace, serverSide.trace, emit.trace) = (.sample, .sample, .sample)
        #expect(Question(change, timeout: Self.timeout).trace == .sample)
        #expect(Question(serverSide, timeout: Self.timeout).trace == .sample)
        #expect(Question(emit, mode: .all, timeout: Self.timeout).trace == .sample)
        #expect(Question(Emit(event: "e"), mode: .all, timeout: Self.timeout).trace == nil)
        #expect(Question(ListRooms(), timeout: Self.timeout).trace == nil)
    }

    @Test("has an id that no other has")
    func ids() {
        let ids = (0..<1_000).map { _ in RequestID.next() }
        #expect(Set(ids).count == 1_000)
        #expect(ids.allSatisfy { $0.utf8.count == 32 && $0.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) } })
    }
}
