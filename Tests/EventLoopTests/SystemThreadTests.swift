import Foundation
import Synchronization
import Testing

@testable import EventLoop

@Suite("A system thread")
struct SystemThreadTests {
    @Test("has a name, and has ended when it is joined")
    func hasAName() {
        let name = Mutex("")
        SystemThread(name: "loop-7") {
            // proc(5): the calling thread's own name.
            let comm = try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)
            name.withLock { $0 = comm ?? "" }
        }.join()
        #expect(name.withLock { $0 } == "loop-7\n")
    }

    @Test("may run on without anybody waiting for it")
    func detaches() async {
        await withCheckedContinuation { continuation in
            #expect(SystemThread.detach(name: "alone") { continuation.resume() })
        }
    }
}
