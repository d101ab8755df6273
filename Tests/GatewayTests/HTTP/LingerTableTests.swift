import AMQPBridge
import EventLoop
import Testing

@testable import Gateway

@Suite("Connections that are over and still sent to")
struct LingerTableTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)
    private let client = ClientAddress(IPAddress("192.0.2.1")!)

    @Test(
        "are those whose clients still send, unless they were cut",
        arguments: [
            (false, true, 0, true), (false, false, 1, true), (false, false, 0, false), (false, false, -1, false),
            (true, true, 1, false),
        ] as [(Bool, Bool, Int32, Bool)])
    func need(isCut: Bool, hasUnreadBody: Bool, bytes: Int32, isNeeded: Bool) {
        #expect(LingerTable.isNeeded(isCut: isCut, hasUnreadBody: hasUnreadBody, readableBytes: bytes) == isNeeded)
    }

    @Test("end when their client is silent for five seconds")
    func silence() {
        var table = LingerTable()
        table.add(7, countedAs: client, now: start)
        #expect(table.due(now: start + .milliseconds(4_999)) == [])
        table.heard(7, now: start + .seconds(4))
        #expect(table.due(now: start + .milliseconds(8_999)) == [])
        #expect(table.due(now: start + .seconds(9)) == [7])
    }

    @Test("end after thirty seconds, however much comes")
    func total() {
        var table = LingerTable()
        table.add(7, countedAs: client, now: start)
        for second in 1..<30 {
            table.heard(7, now: start + .seconds(second))
            #expect(table.due(now: start + .seconds(second)) == [])
        }
        #expect(table.due(now: start + .seconds(30)) == [7])
    }

    @Test("end when the gateway does")
    func lastCall() {
        var table = LingerTable()
        table.add(7, countedAs: client, now: start)
        table.end(by: start + .seconds(1))
        #expect(table.due(now: start + .milliseconds(999)) == [])
        #expect(table.due(now: start + .seconds(1)) == [7])
    }

    @Test("say as whose they are counted, once")
    func removal() {
        var table = LingerTable()
        table.add(7, countedAs: client, now: start)
        table.add(8, countedAs: nil, now: start)
        #expect(table.count == 2 && table.contains(7))
        let removed = [table.remove(7), table.remove(7), table.remove(8)]
        #expect(removed == [.some(client), nil, .some(nil)])
        #expect(table.isEmpty && table.due(now: start + .seconds(60)) == [])
    }

    @Test("know the oldest, also when numbers come again")
    func oldest() {
        var table = LingerTable()
        for descriptor in Int32(1)...3 { table.add(descriptor, countedAs: nil, now: start) }
        var oldest = [table.oldest()]
        _ = table.remove(1)
        table.add(1, countedAs: nil, now: start)
        oldest.append(table.oldest())
        _ = table.remove(2)
        _ = table.remove(3)
        oldest.append(table.oldest())
        _ = table.remove(1)
        oldest.append(table.oldest())
        #expect(oldest == [1, 2, 1, nil])
    }

    @Test("keep no trace of thousands that have been")
    func forgetting() {
        var table = LingerTable()
        for number in 0..<10_000 {
            table.add(Int32(number % 7), countedAs: nil, now: start)
            _ = table.remove(Int32(number % 7))
        }
        #expect(table.isEmpty && table.tracked <= 64)
    }
}
