internal import JSON
internal import Routes
internal import ServedDocuments
internal import YAML

/// The contract that the gateway was built from, as it serves it.
enum Contract {
    /// `openapi.yaml`, byte by byte.
    static let yaml = Array(UnsafeBufferPointer(start: openapi_document.start, count: openapi_document.size))

    /// The console's files.
    static let console = UnsafeBufferPointer(start: console_files, count: console_file_count).map { file in
        ConsoleFile(
            String(cString: file.name),
            Array(UnsafeBufferPointer(start: file.document.start, count: file.document.size)))
    }

    /// The same in JSON. It is made when a caller asks for it, once: few do, and it takes some milliseconds.
    static let json: [UInt8] = {
        // It is part of the program, and every build's tests read it.
        guard let document = try? YAMLNode.parse(yaml) else { preconditionFailure("openapi.yaml is not YAML") }
        return Array((document.json + "\n").utf8)
    }()
}
