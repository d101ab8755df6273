/// Bytes on their way to the broker, in order: bytes that are appended during one turn of the loop leave in one `send`.
package struct OutboundBuffer {
    package var bytes: [UInt8] = []
    private var sent = 0
    /// The number of bytes that have left since the connection was opened.
    package private(set) var totalSent: UInt64 = 0

    package init() {}

    package var pending: Int { bytes.count - sent }
    /// The position in the stream of the next appended byte. Bytes at or behind ``totalSent`` have never left.
    package var streamEnd: UInt64 { totalSent + UInt64(pending) }

    /// Offers everything pending to `send`, which returns the number of bytes that it took.
    package mutating func drain<E: Error>(_ send: (UnsafeRawBufferPointer) throws(E) -> Int) throws(E) {
        guard pending > 0 else { return }
        let count = try bytes.span.bytes.extracting(droppingFirst: sent).withUnsafeBytes(send)
        sent += count
        totalSent += UInt64(count)
        if pending == 0 {
            // A burst's buffer is given back; the usual one is kept.
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 20)
            sent = 0
        } else if sent > 1 << 20, sent > pending {
            // A socket that is never quite done would keep all that ever left.
            bytes.removeFirst(sent)
            sent = 0
        }
    }
}
