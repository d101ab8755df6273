import SettingTypes
import Testing

@testable import AMQPBridge

@Suite("The wire formats")
struct WireFormatsTests {
    @Test("have names and settings of their own")
    func names() {
        #expect(WireFormats.all.map { $0.name } == ["amqp0", "python-socketio", "cluster"])
        let settings = WireFormats.all.flatMap { $0.settings }
        #expect(Set(settings).count == settings.count)
        let sections = WireFormats.all.map { Set($0.settings.map { $0.path.prefix { $0 != "." } }) }
        #expect(sections.allSatisfy { $0.count == 1 } && Set(sections).count == sections.count)
    }

    @Test("take their settings")
    func settings() throws {
        let emit = Emit(namespace: "/n", event: "e", rooms: ["r", "s"])
        let amqp0 = try AMQP0(Given(["amqp0.exchange": "a{namespace}", "amqp0.namespaces": "/n,/m"]))
        #expect(try amqp0.publications(for: emit).map(\.exchange) == ["a/n", "a/n"])
        #expect(amqp0.namespaces == ["/n", "/m"])
        let python = try PythonSocketIO(
            Given(["pythonSocketio.exchange": "p", "pythonSocketio.expiration": "7ms"]))
        #expect(try python.publications(for: emit).map(\.exchange) == ["p"])
        #expect(python.expiration == 7)
        #expect(try PythonSocketIO(Given(["pythonSocketio.expiration": "0"])).expiration == nil)
        #expect(try ClusterFormat(Given(["cluster.exchange": "c"])).exchange == "c")
    }

    @Test("have the defaults of their servers, given or not")
    func defaults() {
        let (amqp0, python) = (AMQP0(DefaultSettings()), PythonSocketIO(DefaultSettings()))
        #expect(amqp0.exchange == AMQP0().exchange && amqp0.namespaces == AMQP0().namespaces)
        #expect(python.exchange == PythonSocketIO().exchange && python.expiration == PythonSocketIO().expiration)
        #expect(ClusterFormat(DefaultSettings()).exchange == ClusterFormat().exchange)
        #expect(ClusterFormat().exchange == ClusterClient.Configuration().exchange)
    }

    @Test("say what is wrong with settings together, and name them as they were given")
    func together() {
        let reader = Given(["amqp0.namespaces": "/,/chat", "amqp0.exchange": "x"])
        let error = #expect(throws: Given.Fault.self) { try AMQP0(reader) }
        #expect(
            error?.sentence.hasPrefix("<amqp0.namespaces> has several namespaces, so <amqp0.exchange> must") == true)
    }

    @Test("name the exchanges of their servers as these declare them")
    func exchanges() throws {
        #expect(AMQP0().exchanges == [ServerExchange(name: "socket.io", kind: .direct)])
        #expect(PythonSocketIO().exchanges == [ServerExchange(name: "socketio", kind: .fanout)])
        #expect(ClusterFormat().exchanges == [ServerExchange(name: "socket.io.cluster", kind: .direct)])
        let namespaces = ["/", "/chat"]
        #expect(AMQP0(exchange: "a{namespace}", namespaces: namespaces).exchanges.map(\.name) == ["a/", "a/chat"])
        #expect(AMQP0(exchange: "a", namespaces: namespaces).exchanges.map(\.name) == ["a"])
    }

    @Test("know whether a queue that takes a message is a server's that wanted it")
    func recipients() throws {
        for format in [AMQP0(), ClusterFormat(), PythonSocketIO()] as [any WireFormat] {
            let publications = try format.publications(for: Emit(event: "e"))
            #expect(publications.allSatisfy { $0.knowsRecipients == format.knowsRecipients })
        }
        #expect(!PythonSocketIO().knowsRecipients && AMQP0().knowsRecipients && ClusterFormat().knowsRecipients)
    }

    @Test("make the same messages, in a list or not", arguments: [[], ["a"], ["a", "b", "c"]] as [[RoomName]])
    func messages(rooms: [RoomName]) throws {
        for format in [AMQP0(), ClusterFormat(), PythonSocketIO()] as [any WireFormat] {
            let emit = Emit(event: "e", rooms: rooms)
            #expect(try Array(format.messages(for: emit)) == format.publications(for: emit))
        }
    }

    @Test(
        "replace every placeholder",
        arguments: [("", ""), ("x", "x"), ("{n}", "1"), ("a{n}b{n}", "a1b1"), ("{n}{n}", "11"), ("{n", "{n")])
    func replacesPlaceholders(text: String, replaced: String) {
        #expect(text.replacingPlaceholder("{n}", with: "1") == replaced)
    }
}

/// Settings by their paths; the others have their defaults.
private struct Given: SettingReader {
    struct Fault: Error {
        let sentence: String
    }

    private let texts: [String: String]

    init(_ texts: [String: String]) { self.texts = texts }

    func read<Value>(_ row: SettingRow<Value>) throws(Fault) -> Value {
        guard let value = row.type.parse(texts[row.setting.path] ?? row.setting.defaultText) else {
            throw failure("not a value of \(row.setting)")
        }
        return value
    }

    func name(of setting: Setting) -> String { "<\(setting.path)>" }
    func failure(_ sentence: String) -> Fault { Fault(sentence: sentence) }
}
