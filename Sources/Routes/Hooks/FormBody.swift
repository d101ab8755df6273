internal import JSON

/// A form (WHATWG URL, application/x-www-form-urlencoded) as JSON: an object of strings; or, if it has a field `payload` that
/// holds an object, as GitHub's and Slack's forms do, that object.
enum FormBody {
    /// Senders have a few dozen. Each takes many times the memory of its bytes.
    private static let mostFields = 1_000

    /// - Throws: for what is not UTF-8 or escaped wrongly, and for a field that comes twice: which one counts, two readers
    ///   may see differently. The same in JSON is refused, too.
    static func document(_ body: [UInt8]) throws(Problem) -> JSONDocument {
        var fields: [(name: String, value: String)] = []
        var names = Set<[UInt8]>()
        for pair in body.split(separator: UInt8(ascii: "&")) {
            guard fields.count < mostFields else {
                throw Problem(.payloadTooLarge, "a form of more than \(mostFields) fields")
            }
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let field = (name: try decoded(parts[0]), value: parts.count > 1 ? try decoded(parts[1]) : "")
            guard names.insert(Array(field.name.utf8)).inserted else {
                throw Problem(.invalidRequest, "a field of the form comes twice")
            }
            fields.append(field)
        }
        if let payload = fields.first(where: { $0.name == "payload" }),
            let document = try? JSONDocument(parsing: Array(payload.value.utf8)), document.root.kind == .object
        {
            return document
        }
        return try JSONDocument(delivered: json(fields))
    }

    private static func decoded(_ text: ArraySlice<UInt8>) throws(Problem) -> String {
        do throws(Problem) {
            return try Query.decoded(text, plusIsSpace: true)
        } catch {
            throw Problem(.invalidRequest, "the form is escaped wrongly, or not in UTF-8")
        }
    }

    private static func json(_ fields: [(name: String, value: String)]) -> [UInt8] {
        JSONWriter.bytes { json in
            json.object { for field in fields { $0.member(named: field.name, field.value) } }
        }
    }
}
