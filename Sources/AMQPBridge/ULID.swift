internal import Glibc
package import JSON

/// An identifier that sorts by time: 48 bits of milliseconds and 80 random bits, in Crockford's base 32
/// (github.com/ulid/spec).
package struct ULID: Sendable, Equatable {
    fileprivate let high: UInt64
    fileprivate let low: UInt64

    /// The number of its characters.
    package static let count = 26

    private static let alphabet: StaticString = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

    /// The characters of ten bits, two in the order of memory: half as many steps as one by one.
    private static let pairs: [UInt16] = (0..<1 << 10).map { bits in
        let (first, second) = (alphabet.utf8Start[bits >> 5], alphabet.utf8Start[bits & 31])
        return (UInt16(second) << 8 | UInt16(first)).littleEndian
    }

    /// Writes its characters to a place for ``count`` of them.
    package func write(to place: UnsafeMutablePointer<UInt8>) {
        Self.pairs.withUnsafeBufferPointer { pairs in
            let place = UnsafeMutableRawPointer(place)
            // From the last pair on: six of the lower bits, six that follow, and the eight bits that are left.
            var bits = low
            for index in stride(from: 24, through: 14, by: -2) {
                place.storeBytes(of: pairs[Int(bits & 1_023)], toByteOffset: index, as: UInt16.self)
                bits >>= 10
            }
            bits |= high << 4
            for index in stride(from: 12, through: 2, by: -2) {
                place.storeBytes(of: pairs[Int(bits & 1_023)], toByteOffset: index, as: UInt16.self)
                bits >>= 10
            }
            place.storeBytes(of: pairs[Int(high >> 56)], as: UInt16.self)
        }
    }

    package var text: String {
        String(unsafeUninitializedCapacity: Self.count) { buffer in
            write(to: buffer.baseAddress!)
            return Self.count
        }
    }
}

/// An identifier that was made here, of which text is made only where it is written, or one that came as text.
package enum Identifier: Sendable {
    case made(ULID)
    case text(String)

    package var text: String {
        switch self {
        case .made(let ulid): ulid.text
        case .text(let text): text
        }
    }
}

extension Identifier: Equatable {
    package static func == (lhs: Identifier, rhs: Identifier) -> Bool { lhs.text == rhs.text }
}

extension Identifier: JSONWritable {
    package func write(to json: inout JSONWriter) {
        switch self {
        case .made(let ulid): json.string(plainBytes: ULID.count) { ulid.write(to: $0) }
        case .text(let text): json.string(text)
        }
    }
}

/// Makes identifiers. The random part is drawn once and counts up from there: a generator makes no identifier
/// twice, two generators with the chance of a collision of 80 random bits, and no request costs a system call.
package struct ULIDGenerator {
    private var milliseconds: UInt64 = 0
    private var high = UInt16.random(in: 0...UInt16.max)
    private var low = UInt64.random(in: 0...UInt64.max)

    package init() {}

    /// A fresh identifier.
    package mutating func next() -> ULID {
        var time = timespec()
        // As of the system's last tick, some milliseconds ago at most: that costs a fraction, and identifiers count up
        // in any case.
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return next(milliseconds: UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000)
    }

    mutating func next(milliseconds now: UInt64) -> ULID {
        milliseconds = max(milliseconds, now)
        low &+= 1
        if low == 0 { high &+= 1 }
        return ULID(high: (milliseconds & 0xFFFF_FFFF_FFFF) << 16 | UInt64(high), low: low)
    }
}
