package import JSON

/// Takes the bytes out of JSON: every `{"$binary": "<base64>"}` becomes a placeholder, numbered in the order of the
/// text, and its base64 an attachment. Everything else stays what it was.
package struct BinaryArguments {
    /// A mistake in the arguments, and its place.
    package struct Fault: Sendable, Equatable {
        /// A JSON Pointer (RFC 6901).
        package let pointer: String
        package let detail: String
    }

    /// The arguments, with commas between them.
    package let text: JSONText
    private let writer: ArgumentWriter

    /// - Parameter pointer: where the list stands in the request.
    package init(elementsOf list: JSONValue, at pointer: String) {
        var writer = ArgumentWriter(isBinary: true)
        text = JSONText.elements { json in
            list.forEachElement { index, element in
                json.element { writer.write(element, marksBytes: true, at: "\(pointer)/\(index)", to: &$0) }
            }
        }
        self.writer = writer
    }

    package init(_ argument: JSONValue, at pointer: String) {
        var writer = ArgumentWriter(isBinary: true)
        text = JSONText { writer.write(argument, marksBytes: true, at: pointer, to: &$0) }
        self.writer = writer
    }

    /// Base64 (RFC 4648, section 4).
    package var attachments: [String] { writer.attachments }
    package var faults: [Fault] { writer.faults }
}
