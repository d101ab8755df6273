/// The servers that come and go, as events. A value without I/O.
struct ServerNews {
    private var known: Set<String> = []
    private var isComplete = false

    /// Takes that a server is there, or has gone.
    ///
    /// - Parameter time: milliseconds since 1970.
    mutating func heard(_ uid: String, isThere: Bool, time: @autoclosure () -> Int64) -> ClusterEvent? {
        if isThere {
            // Who is there already when all are asked to announce themselves is no news.
            return known.insert(uid).inserted && isComplete ? ClusterEvent(.serverUp, time: time(), server: uid) : nil
        }
        return known.remove(uid) != nil ? ClusterEvent(.serverLost, time: time(), server: uid) : nil
    }

    /// Takes whether all servers that are there are known.
    mutating func setComplete(_ isComplete: Bool) { self.isComplete = isComplete }
}
