internal import Synchronization

/// The streams that may be open at the same time, of whatever kind: one for the process.
package final class StreamPlaces: Sendable {
    package let most: Int
    private let count = Atomic<Int>(0)

    package init(most: Int = 100) { self.most = most }

    /// The number of those that are open.
    package var taken: Int { count.load(ordering: .relaxed) }

    /// - Throws: when all are taken.
    func take() throws(Problem) -> StreamPlace {
        guard count.add(1, ordering: .relaxed).newValue <= most else {
            giveBack()
            throw Problem(.overloaded, "as many streams as allowed are open: \(most)")
        }
        return StreamPlace(self)
    }

    fileprivate func giveBack() { count.subtract(1, ordering: .relaxed) }
}

/// The place of one stream, until nobody has it any more.
final class StreamPlace: Sendable {
    private let places: StreamPlaces

    fileprivate init(_ places: StreamPlaces) { self.places = places }

    deinit { places.giveBack() }
}
