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

    @Test(
        "is scheduled as it was asked for", arguments: [(.usual, 0), (.batch, 3)] as [(SystemThread.Scheduling, Int)])
    func scheduling(asked: SystemThread.Scheduling, policy: Int) throws {
        // Where system calls are filtered it is not asked for.
        let status = try String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)
        let policy = status.contains("Seccomp:\t0\n") ? policy : 0
        let found = Mutex(-1)
        SystemThread(name: "loop-7", asked) {
            // proc_pid_stat(5): field 41, behind the name in parentheses.
            let stat = try? String(contentsOfFile: "/proc/thread-self/stat", encoding: .utf8)
            let fields = stat?.split(separator: ")").last?.split(separator: " ") ?? []
            found.withLock { $0 = fields.count > 38 ? Int(fields[38]) ?? -1 : -1 }
        }.join()
        #expect(found.withLock { $0 } == policy)
    }

    @Test("may run on without anybody waiting for it")
    func detaches() async {
        await withCheckedContinuation { continuation in
            #expect(SystemThread.detach(name: "alone") { continuation.resume() })
        }
    }
}
