public import JSON

/// Takes the bytes out of JSON: every `{"$binary": "<base64>"}` becomes a placeholder, numbered in the order of the text,
/// and its base64 an attachment. Everything else stays what it was.
public struct BinaryArguments {
    /// What is wrong, and where.
    public struct Fault: Sendable, Equatable {
        /// A JSON Pointer (RFC 6901).
        public let pointer: String
        public let detail: String
    }

    /// The arguments, with commas between them.
    public let text: JSONText
    private let writer: ArgumentWriter

    /// - Parameter pointer: where the list stands in the request.
    public init(elementsOf list: JSONValue, at pointer: String) {
        var writer = ArgumentWriter(isBinary: true)
        text = JSONText.elements { json in
            list.forEachElement { index, element in
                json.element { writer.write(element, marksBytes: true, at: "\(pointer)/\(index)", to: &$0) }
            }
        }
        self.writer = writer
    }

    public init(_ argument: JSONValue, at pointer: String) {
        var writer = ArgumentWriter(isBinary: true)
        text = JSONText { writer.write(argument, marksBytes: true, at: pointer, to: &$0) }
        self.writer = writer
    }

    /// Base64 (RFC 4648, section 4).
    public var attachments: [String] { writer.attachments }
    public var faults: [Fault] { writer.faults }
}
