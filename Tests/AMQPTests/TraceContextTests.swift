import BrokerFixtures
import Testing

@testable import AMQP

@Suite("A trace context")
struct TraceContextTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let parent = "00f067aa0ba902b7"
    static let valid = "00-\(trace)-\(parent)-01"

    @Test(
        "is passed on as it came, of this version or a later one",
        arguments: [
            valid, "00-\(trace)-\(parent)-00", "00-\(trace)-\(parent)-ff", "01-\(trace)-\(parent)-01",
            "fe-\(trace)-\(parent)-01-", "cc-\(trace)-\(parent)-01-what the future brings.",
            "01-\(trace)-\(parent)-01-" + String(repeating: "x", count: 456),
        ])
    func passesOn(text: String) throws {
        let context = try #require(TraceContext(traceparent: text))
        #expect(context.traceparent == text)
        #expect(context.traceID == Self.trace)
        #expect(context.tracestate == nil)
    }

    @Test(
        "is none if it is not valid",
        arguments: [
            "", "00", "ff-\(trace)-\(parent)-01", "00-\(trace)-\(parent)-01-", "00-\(trace)-\(parent)-01-x",
            "00-\(trace)-\(parent)-1", "00-\(trace)-\(parent)", "01-\(trace)-\(parent)-01x", "01-\(trace)-\(parent)-0",
            "00-\(trace.uppercased())-\(parent)-01", "0A-\(trace)-\(parent)-01", "0g-\(trace)-\(parent)-01",
            "00-\(String(repeating: "0", count: 32))-\(parent)-01", "00-\(trace)-0000000000000000-01",
            "00-\(trace)-\(parent)-0G", "00_\(trace)-\(parent)-01", "00-\(trace)_\(parent)-01",
            "00-\(trace)-\(parent)_01", " 00-\(trace)-\(parent)-01", "00-\(trace.dropLast())-\(parent)-011",
            "\(valid),\(valid)", "01-\(trace)-\(parent)-01-x,y", "01-\(trace)-\(parent)-01-é",
            "01-\(trace)-\(parent)-01-\n", "00-\(trace.dropLast(2))é-\(parent)-01",
            "01-\(trace)-\(parent)-01-" + String(repeating: "x", count: 457),
        ])
    func invalid(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test("keeps a state of up to 512 printable characters")
    func state() {
        func kept(_ state: String?) -> String? {
            TraceContext(traceparent: Self.valid, tracestate: state).map { $0.tracestate ?? "nothing" }
        }
        let long = String(repeating: "x", count: 512)
        for state in ["a=1", "rojo=00f067,congo=t61 ~", long] { #expect(kept(state) == state) }
        for state in [nil, "", "a=\t", "a=é", "a=\u{7F}", long + "x"] { #expect(kept(state) == "nothing") }
    }

    @Test("is equal to another with the same texts")
    func equality() {
        let context = TraceContext(traceparent: Self.valid, tracestate: "a=1")
        #expect(context == TraceContext(traceparent: Self.valid, tracestate: "a=1"))
        #expect(context != TraceContext(traceparent: Self.valid))
        #expect(context != TraceContext(traceparent: "01" + Self.valid.dropFirst(2), tracestate: "a=1"))
    }
}
