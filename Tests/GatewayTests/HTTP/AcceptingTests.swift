import Glibc
import Testing

@testable import Gateway

@Suite("Accepting")
struct AcceptingTests {
    @Test("takes what there is, and not more than it may at once")
    func most() {
        var accepting = Accepting(atMost: 3)
        let steps = (0..<5).map { _ in accepting.next(hasRoom: true) }
        #expect(steps == [.accepts, .accepts, .accepts, .isDone, .isDone])
    }

    @Test("is done when nobody waits")
    func nobody() {
        var accepting = Accepting(atMost: 64)
        #expect(accepting.next(hasRoom: true) == .accepts)
        #expect(accepting.failed(EAGAIN, hasRoom: true) == .isDone)
    }

    @Test("makes room only for somebody")
    func room() {
        var accepting = Accepting(atMost: 64)
        #expect(accepting.next(hasRoom: false) == .looksWhoWaits)
        #expect(accepting.looked(somebodyWaits: false) == .isDone)
        #expect(accepting.looked(somebodyWaits: true) == .makesRoom)
        #expect(accepting.madeRoom(hasRoom: true) == .accepts)
        #expect(accepting.madeRoom(hasRoom: false) == .rests(.connections))
    }

    @Test("rests when something has run out", arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
    func shortages(code: Int32) {
        var accepting = Accepting(atMost: 64)
        #expect(accepting.failed(code, hasRoom: true) == .rests(.descriptors(code)))
    }

    @Test("goes on behind one that was lost on the way", arguments: [ECONNABORTED, EINTR, EPROTO, ENETDOWN])
    func losses(code: Int32) {
        var accepting = Accepting(atMost: 2)
        #expect(accepting.next(hasRoom: true) == .accepts)
        #expect(accepting.failed(code, hasRoom: true) == .accepts)
        #expect(accepting.failed(code, hasRoom: true) == .isDone, "they count, too")
        var full = Accepting(atMost: 2)
        #expect(full.failed(code, hasRoom: false) == .looksWhoWaits)
    }
}
