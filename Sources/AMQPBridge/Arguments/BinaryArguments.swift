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

    private let writer: ArgumentWriter

    /// - Parameter pointer: where the list stands in the request.
    public init(elementsOf list: JSONValue, at pointer: String) {
        var writer = ArgumentWriter(isBinary: true)
        list.forEachElement { index, element in
            if index > 0 { writer.text.append(json: ",") }
            writer.append(element, marksBytes: true, at: "\(pointer)/\(index)")
        }
        self.writer = writer
    }

    public init(_ argument: JSONValue, at pointer: String) {
        var writer = ArgumentWriter(isBinary: true)
        writer.append(argument, marksBytes: true, at: pointer)
        self.writer = writer
    }

    public var text: [UInt8] { writer.text }
    /// Base64 (RFC 4648, section 4).
    public var attachments: [String] { writer.attachments }
    public var faults: [Fault] { writer.faults }
}
