/// Writes the parts of AMQP 0-9-1 frames (sections 2.3.5 and 4.2), one behind the other, into memory that was reserved
/// for all of them. More than that traps.
struct FrameCursor {
    // Uninitialised memory: only what is counted has been written. It outlives the cursor (see ``FrameWriter``).
    private let memory: UnsafeMutableRawBufferPointer
    /// The number of bytes that have been written.
    private(set) var count = 0

    private static let end: UInt8 = 0xCE

    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
    }

    /// Takes back all that was written.
    mutating func removeAll() { count = 0 }

    @inline(__always)
    mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(bigEndian number: Number) {
        let start = advance(by: MemoryLayout<Number>.size)
        start.storeBytes(of: number.bigEndian, as: Number.self)
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) { append(bigEndian: byte) }

    @inline(__always)
    mutating func append(_ method: AMQPMethod) { append(bigEndian: method.rawValue) }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        advance(by: bytes.count).copyMemory(from: source, byteCount: bytes.count)
    }

    /// A length byte and the text, at most 255 bytes: names are checked before they come here.
    mutating func append(shortString text: String) {
        append(UInt8(text.utf8.count))
        append(text: text)
    }

    /// A value of a table or an array: its type, and a four-byte size before the text.
    mutating func append(longString text: String) {
        append(UInt8(ascii: "S"))
        append(bigEndian: UInt32(text.utf8.count))
        append(text: text)
    }

    /// A short string.
    mutating func append(_ messageID: MessageID) {
        switch messageID {
        case .text(let text): append(shortString: text)
        case .number(let number): append(shortDecimal: number)
        }
    }

    /// Writes a four-byte size and then what it counts.
    mutating func sized(_ content: (inout FrameCursor) -> Void) {
        let size = advance(by: 4)
        let start = count
        content(&self)
        size.storeBytes(of: UInt32(count - start).bigEndian, as: UInt32.self)
    }

    mutating func method(_ method: AMQPMethod, channel: UInt16, _ arguments: (inout FrameCursor) -> Void) {
        frame(.method, channel: channel) { cursor in
            cursor.append(method)
            arguments(&cursor)
        }
    }

    mutating func frame(_ type: FrameType, channel: UInt16, _ payload: (inout FrameCursor) -> Void) {
        let start = beginFrame(type, channel: channel)
        payload(&self)
        endFrame(start)
    }

    /// Begins a frame, for what a closure would have to copy.
    ///
    /// - Returns: where its payload begins, for ``endFrame(_:)``.
    @inline(__always)
    mutating func beginFrame(_ type: FrameType, channel: UInt16) -> Int {
        append(type.rawValue)
        append(bigEndian: channel)
        _ = advance(by: 4)
        return count
    }

    mutating func endFrame(_ start: Int) {
        (memory.baseAddress! + (start - 4)).storeBytes(of: UInt32(count - start).bigEndian, as: UInt32.self)
        append(Self.end)
    }

    private mutating func append(text: String) {
        // Without the copy that `withUTF8` takes. Only strings bridged from Objective-C have no such storage.
        let written: Void? = text.utf8.withContiguousStorageIfAvailable { append(UnsafeRawBufferPointer($0)) }
        precondition(written != nil, "a string that is not UTF-8")
    }

    private mutating func append(shortDecimal number: UInt64) {
        var (rest, digits) = (number / 10, 1)
        while rest > 0 {
            rest /= 10
            digits += 1
        }
        append(UInt8(digits))
        let start = advance(by: digits)
        rest = number
        for place in (0..<digits).reversed() {
            start.storeBytes(
                of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: place, as: UInt8.self)
            rest /= 10
        }
    }

    /// The place of the next bytes. This is the one check of the bounds.
    @inline(__always)
    private mutating func advance(by bytes: Int) -> UnsafeMutableRawPointer {
        precondition(bytes <= memory.count - count, "more than was reserved")
        defer { count += bytes }
        return memory.baseAddress! + count
    }
}

/// The `message-id` of a message.
package enum MessageID {
    case text(String)
    /// A number, written in decimal digits.
    case number(UInt64)

    /// The most bytes that it takes.
    var mostBytes: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .number: 20
        }
    }
}
