import Testing

@testable import AMQPBridge

@Suite("The return assembler")
struct ReturnAssemblerTests {
    @Test("is done with the header if the body is empty")
    func emptyBody() {
        var assembler = ReturnAssembler()
        assembler.receivedReturn()
        #expect(assembler.receivedHeader(messageID: "7", bodySize: 0) == "7")
        #expect(!assembler.isOutOfOrder)
    }

    @Test("is done with the last of the body's frames")
    func severalFrames() {
        var assembler = ReturnAssembler()
        assembler.receivedReturn()
        #expect(assembler.receivedHeader(messageID: "7", bodySize: 10) == nil)
        #expect(assembler.receivedBody(count: 4) == nil)
        #expect(assembler.receivedBody(count: 5) == nil)
        #expect(assembler.receivedBody(count: 1) == "7")
        #expect(!assembler.isOutOfOrder)
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

    @Test("says that frames are out of order, whichever of a return is missing")
    func missingFrames() {
        let header = { (assembler: inout ReturnAssembler) in _ = assembler.receivedHeader(messageID: "7", bodySize: 2) }
        let body = { (assembler: inout ReturnAssembler) in _ = assembler.receivedBody(count: 2) }
        let returned = { (assembler: inout ReturnAssembler) in assembler.receivedReturn() }
        let acknowledged = { (assembler: inout ReturnAssembler) in assembler.receivedMethod() }
        let whole = [returned, header, body, acknowledged]
        for missing in 0..<3 {
            var assembler = ReturnAssembler()
            for (place, frame) in whole.enumerated() where place != missing { frame(&assembler) }
            #expect(assembler.isOutOfOrder, "without frame \(missing)")
        }
        var assembler = ReturnAssembler()
        for frame in whole + whole { frame(&assembler) }
        #expect(!assembler.isOutOfOrder)
    }

    @Test("says so of a return within another one")
    func interruptedReturn() {
        var assembler = ReturnAssembler()
        assembler.receivedReturn()
        #expect(assembler.receivedHeader(messageID: "7", bodySize: 10) == nil)
        assembler.receivedReturn()
        #expect(assembler.isOutOfOrder)
    }
}
