internal import Glibc

/// A point in time in UTC.
struct UTCTime: Equatable {
    /// Since 1970.
    let seconds: Int

    init(seconds: Int) {
        self.seconds = seconds
    }

    /// `2027-01-31`, which is its beginning, or `2027-01-31T12:00:00Z` (RFC 3339, in UTC, whole seconds).
    init?(text: String) {
        let parts = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
        guard let date = Self.numbers(parts[0], "-", [4, 2, 2]) else { return nil }
        var time = [0, 0, 0]
        if parts.count == 2 {
            guard parts[1].hasSuffix("Z"), let numbers = Self.numbers(parts[1].dropLast(), ":", [2, 2, 2]) else {
                return nil
            }
            time = numbers
        }
        var fields = tm()
        (fields.tm_year, fields.tm_mon, fields.tm_mday) = (Int32(date[0] - 1900), Int32(date[1] - 1), Int32(date[2]))
        (fields.tm_hour, fields.tm_min, fields.tm_sec) = (Int32(time[0]), Int32(time[1]), Int32(time[2]))
        let asked = fields
        seconds = timegm(&fields)
        // What there is none of has become another day.
        let isReal =
            fields.tm_mon == asked.tm_mon && fields.tm_mday == asked.tm_mday && fields.tm_hour == asked.tm_hour
            && fields.tm_min == asked.tm_min && fields.tm_sec == asked.tm_sec
        guard isReal else { return nil }
    }

    private static func numbers(_ text: Substring, _ separator: Character, _ widths: [Int]) -> [Int]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == widths, parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } })
        else {
            return nil
        }
        return parts.compactMap { Int($0) }
    }
}

extension UTCTime: CustomStringConvertible {
    /// As it could be written.
    var description: String {
        var (seconds, fields) = (seconds, tm())
        gmtime_r(&seconds, &fields)
        func padded(_ number: Int32, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(fields.tm_year + 1900, 4))-\(padded(fields.tm_mon + 1, 2))-\(padded(fields.tm_mday, 2))"
        return "\(date)T\(padded(fields.tm_hour, 2)):\(padded(fields.tm_min, 2)):\(padded(fields.tm_sec, 2))Z"
    }
}
