internal import AMQPBridge
internal import EventLoop
internal import Synchronization

/// Runs asynchronous work on this thread, and returns when it is done: for a command, which needs no pool of threads.
func waiting<Value: Sendable>(for work: @escaping @Sendable () async -> Value) -> Value {
    let loop = EventLoop()
    let result = Mutex<Value?>(nil)
    Task(executorPreference: loop) {
        let value = await work()
        result.withLock { $0 = value }
        loop.stop()
    }
    loop.run()
    guard let value = result.withLock({ $0 }) else { preconditionFailure("the loop ended before the work") }
    return value
}
