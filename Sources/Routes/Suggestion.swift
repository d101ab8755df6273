/// A name that may have been meant.
package enum Suggestion {
    /// A longer name is no slip of the pen, and would be costly to compare.
    private static let mostBytes = 64

    /// `; did you mean 'x'?`, or nothing if no name is near.
    ///
    /// - Parameter quote: what stands around the name.
    package static func of(_ names: some Sequence<String>, for name: String, quote: String = "'") -> String {
        guard let nearest = nearest(of: names, to: name) else { return "" }
        return "; did you mean \(quote)\(nearest)\(quote)?"
    }

    /// The name from which the fewest letters differ; `nil` if too many do.
    ///
    /// - Parameter most: how many may; `nil`: a third, but two are nothing unusual.
    static func nearest(of names: some Sequence<String>, to name: String, atMost most: Int? = nil) -> String? {
        let letters = name.utf8.count
        // One letter at least has to be the same.
        let most = min(most ?? max(2, letters / 3), letters - 1)
        guard most > 0, letters <= mostBytes else { return nil }
        var nearest: (name: String, distance: Int)?
        for candidate in names where abs(candidate.utf8.count - letters) <= most {
            let distance = distance(candidate, name)
            if distance <= most, distance < nearest?.distance ?? .max { nearest = (candidate, distance) }
        }
        return nearest?.name
    }

    /// How many letters have to be added, left out or changed (Levenshtein), in any letter case.
    private static func distance(_ first: String, _ second: String) -> Int {
        let (first, second) = (Array(first.lowercased().utf8), Array(second.lowercased().utf8))
        var row = Array(0...second.count)
        for (line, letter) in first.enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for (column, other) in second.enumerated() {
                let change = diagonal + (letter == other ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(change, row[column] + 1, row[column + 1] + 1)
            }
        }
        return row[second.count]
    }
}
