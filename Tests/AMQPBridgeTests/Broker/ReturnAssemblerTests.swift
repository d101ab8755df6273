import Testing

@testable import AMQPBridge

@Suite("The return assembler")
struct ReturnAssemblerTests {
    @Test("is done with the header if the body is empty")
    func emptyBody() {
        var assembler = ReturnAssembler()
        assembler.receivedReturn()
        #expect(assembler.receivedHeader(messageID: "7", bodySize: 0) == "7")
        #expect(assembler.receivedBody(count: 1) == nil)
    }

    @Test("is done with the last of the body's frames")
    func severalFrames() {
        var assembler = ReturnAssembler()
        assembler.receivedReturn()
        #expect(assembler.receivedHeader(messageID: "7", bodySize: 10) == nil)
        #expect(assembler.receivedBody(count: 4) == nil)
        #expect(assembler.receivedBody(count: 5) == nil)
        #expect(assembler.receivedBody(count: 1) == "7")
        #expect(assembler.receivedBody(count: 1) == nil)
    }

    @Test("takes one return after another")
    func severalReturns() {
        var assembler = ReturnAssembler()
        for messageID in ["1", "2", "3"] {
            assembler.receivedReturn()
            #expect(assembler.receivedHeader(messageID: messageID, bodySize: 2) == nil)
            #expect(assembler.receivedBody(count: 2) == messageID)
        }
    }

    @Test("ignores what belongs to no return")
    func strayFrames() {
        var assembler = ReturnAssembler()
        #expect(assembler.receivedHeader(messageID: "7", bodySize: 0) == nil)
        #expect(assembler.receivedBody(count: 3) == nil)
        assembler.receivedReturn()
        #expect(assembler.receivedBody(count: 3) == nil)
        #expect(assembler.receivedHeader(messageID: "8", bodySize: 0) == "8")
        #expect(assembler.receivedHeader(messageID: "9", bodySize: 0) == nil)
    }

    @Test("starts anew with a new return, whatever came of the last")
    func interruptedReturn() {
        var assembler = ReturnAssembler()
        assembler.receivedReturn()
        #expect(assembler.receivedHeader(messageID: "7", bodySize: 10) == nil)
        assembler.receivedReturn()
        #expect(assembler.receivedHeader(messageID: "8", bodySize: 1) == nil)
        #expect(assembler.receivedBody(count: 1) == "8")
    }
}
