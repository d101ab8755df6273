import Testing

@testable import AMQP

@Suite("A close over a message's size")
struct OversizeRefusalTests {
    @Test("names the size and the limit")
    func reads() {
        let text = "PRECONDITION_FAILED - message size 70000 is larger than configured max size 65536"
        let refusal = OversizeRefusal(code: 406, text: text)
        #expect(refusal?.size == 70_000)
        #expect(refusal?.limit == 65_536)
    }

    @Test(
        "is no other close",
        arguments: [
            (404, "PRECONDITION_FAILED - message size 70000 is larger than configured max size 65536"),
            (406, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost '/'"),
            (406, "PRECONDITION_FAILED - message size 7 is larger than configured max size 65536"),
            (406, "PRECONDITION_FAILED - message size is larger than configured max size 65536"),
            (406, "PRECONDITION_FAILED - message size 7 is larger than configured max size"),
            (406, "message size 7 larger than -1"), (406, "message size"), (406, "larger than message size"), (406, ""),
            (406, "message size 99999999999999999999 is larger than configured max size 65536"),
        ])
    func ignores(code: Int, text: String) {
        #expect(OversizeRefusal(code: code, text: text) == nil)
    }
}
