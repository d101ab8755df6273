import Testing

@testable import AMQPBridge

@Suite("Changes that a server reports")
struct ServerChangesTests {
    private func read(_ text: String) -> ServerChanges? {
        ServerMessage(Array(text.utf8)).flatMap { ServerChanges($0) }
    }

    @Test("are read as docs/cluster-protocol.md has them")
    func whole() throws {
        let changes = try #require(
            read(
                #"""
                {"uid":"a","nsp":"/chat","type":20,"data":{"seq":42,"rooms":[["+","lobby"],["-",42]],
                "sockets":[["+","s1"],["-","s2","ping timeout"],["-","s3"]],
                "members":[["+","lobby","s1"],["-",7,"s1"]]}}
                """#))
        #expect(changes.server == "a")
        #expect(changes.namespace == "/chat")
        #expect(changes.sequence == 42)
        #expect(changes.rooms == [.init(name: "lobby", isThere: true), .init(name: 42, isThere: false)])
        #expect(
            changes.sockets == [
                .init(id: "s1", isConnected: true), .init(id: "s2", isConnected: false, reason: "ping timeout"),
                .init(id: "s3", isConnected: false),
            ])
        #expect(
            changes.members == [
                .init(room: "lobby", socket: "s1", isThere: true), .init(room: 7, socket: "s1", isThere: false),
            ])
    }

    @Test(
        "are none without a number, a namespace or data",
        arguments: [
            #"{"uid":"a","nsp":"/","type":20,"data":{}}"#, #"{"uid":"a","nsp":"/","type":20,"data":{"seq":0}}"#,
            #"{"uid":"a","nsp":"/","type":20,"data":{"seq":9223372036854775807}}"#,
            #"{"uid":"a","nsp":"/","type":20,"data":{"seq":"1"}}"#, #"{"uid":"a","nsp":"/","type":20}"#,
            #"{"uid":"a","type":20,"data":{"seq":1}}"#, #"{"uid":"a","nsp":"/","type":8,"data":{"seq":1}}"#,
            #"{"uid":"emitter","nsp":"/","type":20,"data":{"seq":1}}"#,
        ])
    func none(text: String) { #expect(read(text) == nil) }

    @Test("leave out what is none of them, and cut long reasons")
    func odd() throws {
        let long = String(repeating: "x", count: 256)
        let changes = try #require(
            read(
                #"""
                {"uid":"a","nsp":"/","type":20,"data":{"seq":1,"rooms":[["+"],["*","x"],["+",""],["+",1.5],["+","\#(long)"],
                ["+",null],"x",["+","x","y"],[],["+","ok"]],"sockets":[["+",1],["-","\#(long)"],["-","s","\#(long)"]],
                "members":[["+","x"],["+","x",5],["+","x","s"]]}}
                """#))
        #expect(changes.rooms == [.init(name: "ok", isThere: true)])
        #expect(changes.sockets == [.init(id: "s", isConnected: false, reason: String(long.prefix(100)))])
        #expect(changes.members == [.init(room: "x", socket: "s", isThere: true)])
    }
}
