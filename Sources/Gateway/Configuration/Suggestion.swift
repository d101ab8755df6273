/// What somebody may have meant.
enum Suggestion {
    /// `; did you mean 'x'?`, or nothing if no name is near.
    static func of(_ names: some Sequence<String>, for name: String) -> String {
        let nearest = names.map { (name: $0, distance: distance($0, name)) }.min { $0.distance < $1.distance }
        guard let nearest, nearest.distance <= max(2, name.count / 3) else { return "" }
        return "; did you mean '\(nearest.name)'?"
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
