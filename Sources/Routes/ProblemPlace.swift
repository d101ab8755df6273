internal import JSON

extension Problem {
    /// One place in the request, and what is wrong there.
    package struct Place: Sendable, Equatable {
        package enum Location: Sendable, Equatable {
            /// In the body, by JSON Pointer (RFC 6901); empty for all of it.
            case body(String)
            /// A parameter of the query.
            case query(String)
            /// A parameter of the path.
            case path(String)
        }

        package let location: Location
        package let detail: String

        package init(_ location: Location, _ detail: String) {
            self.location = location
            self.detail = detail
        }

        package init(_ pointer: String, _ detail: String) {
            self.init(.body(pointer), detail)
        }

        /// Where it is, if that is in the body.
        package var pointer: String? {
            if case .body(let pointer) = location { pointer } else { nil }
        }

        /// A key as a JSON Pointer's token (RFC 6901, section 3), shortened if it is absurdly long.
        static func token(_ key: String) -> String { key.jsonPointerToken }
    }
}

extension Problem.Place: CustomStringConvertible {
    /// `/rooms/0: an empty name`. Safe in a log and on a terminal: names may come from anybody, values are none of it.
    package var description: String {
        switch location {
        case .body(""): "the body: \(detail)"
        case .body(let pointer): "\(pointer.printable): \(detail)"
        case .query(let name): "query parameter `\(name.printable)`: \(detail)"
        case .path(let name): "path parameter `\(name)`: \(detail)"
        }
    }
}

extension String {
    /// Without anything that a terminal may take for an order or that turns the direction of writing, and at most so many characters
    /// of it.
    package func printable(atMost most: Int) -> String {
        let scalars = unicodeScalars.prefix(most).map { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                "\u{FFFD}"
            default: String(scalar)
            }
        }
        return scalars.joined() + (unicodeScalars.count > most ? "…" : "")
    }

    /// A pointer has a few names in it, each of which has been shortened already.
    fileprivate var printable: String { printable(atMost: 256) }
}

/// The faults of a request, place by place: all of it is counted, and so much of it is listed that a caller has something to do.
struct FaultList {
    private(set) var places: [Problem.Place] = []
    private(set) var count = 0

    static let mostListed = 20

    var isEmpty: Bool { count == 0 }

    /// - Parameter place: made only if it is listed.
    mutating func add(_ place: @autoclosure () -> Problem.Place) {
        count += 1
        if places.count < Self.mostListed { places.append(place()) }
    }

    /// - Parameter lead: what stands before the first fault.
    func problem(_ code: Problem.Code, lead: String = "") -> Problem {
        Problem(code, at: places, count: count, lead: lead)
    }
}
