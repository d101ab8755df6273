/// The types of frames (AMQP 0-9-1, section 4.2.3).
enum FrameType: UInt8 {
    case method = 1
    case header = 2
    case body = 3
    case heartbeat = 8
    /// librabbitmq's own: `AMQP` and a version.
    case protocolHeader = 65
}
