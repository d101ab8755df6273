internal import JSON

extension CheckedJSON {
    /// The longest placeholder, in bytes.
    private static let mostPlaceholderBytes = 128
    /// The most attachments of one answer.
    private static let mostAttachments = 10_000

    /// The value with each placeholder `{"_placeholder":true,"num":n}` replaced by `{"$binary":"…"}`, as callers send
    /// bytes, too. All else stays as it was written.
    ///
    /// - Parameter attachments: an array of the bytes in base64.
    /// - Returns: `nil` if it would be more than twice as large as all that came: the same bytes can be named any
    ///   number of times.
    func replacingPlaceholders(by attachments: CheckedJSON?) -> JSONText? {
        guard let attachments, let bytes = attachments.strings(atMost: Self.mostAttachments), !bytes.isEmpty else {
            return text
        }
        let most = 2 * (span.count + attachments.span.count)
        return replacingObjects(ofAtMost: Self.mostPlaceholderBytes, mostBytes: most) { object in
            let members = object.members
            guard members["_placeholder"]?.boolean == true, let number = members["num"]?.integer,
                bytes.indices.contains(number)
            else { return nil }
            return JSONText { json in json.object { $0.member("$binary", bytes[number]) } }
        }
    }
}

extension JSONText {
    /// The memory that it takes, in bytes, about: its own and those of the array around them.
    var heldBytes: Int { bytes.count + 128 }
}
