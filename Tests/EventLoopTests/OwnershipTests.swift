import EventLoop
import Testing

@Suite("What lives on an event loop")
struct OwnershipTests {
    @Test("may be touched by the loop's thread, and by any before it runs and after it has ended")
    func owners() async {
        let loop = EventLoop()
        loop.assertCurrent()
        let thread = SystemThread(name: "loop") { loop.run() }
        await withCheckedContinuation { continuation in
            loop.execute {
                loop.assertCurrent()
                continuation.resume()
            }
        }
        #expect(!loop.isOwnedHere)
        loop.stop()
        thread.join()
        loop.assertCurrent()
    }

    #if DEBUG
        @Test("ends a debug build that touches it from elsewhere")
        func strangers() async {
            await #expect(processExitsWith: .failure) {
                let loop = EventLoop()
                _ = SystemThread.detach(name: "loop") { loop.run() }
                while loop.isOwnedHere { await Task.yield() }
                loop.assertCurrent()
            }
        }
    #endif
}
