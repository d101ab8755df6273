internal import CYAML

extension YAMLNode {
    /// The one document of a text (YAML 1.1, read by libyaml); `nil` if there is none, or only comments.
    ///
    /// - Throws: also for keys that come twice or are no text, for more than one document, and when there is too much of it.
    public static func parse(_ text: [UInt8]) throws(YAMLError) -> YAMLNode? {
        try Parser(text).checkDepth()
        let parser = Parser(text)
        guard let document = try parser.next() else { return nil }
        let root = try document.root()
        if try parser.next() != nil { throw YAMLError(line: 1, "there is more than one document in it") }
        return root
    }
}

/// libyaml's parser over one text.
private final class Parser {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeMutablePointer<UInt8>

    init(_ bytes: [UInt8]) {
        parser = .allocate(capacity: 1)
        // Fails only without memory, which Swift does not survive either.
        precondition(yaml_parser_initialize(parser) == 1, "libyaml has no memory")
        // libyaml keeps the pointer.
        text = .allocate(capacity: max(1, bytes.count))
        text.initialize(from: bytes, count: bytes.count)
        yaml_parser_set_input_string(parser, text, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        text.deallocate()
    }

    /// Reads the text to its end.
    ///
    /// - Throws: when it is nested too deep. For that libyaml takes a time that grows with the square of the depth: hours for a
    ///   megabyte of brackets.
    func checkDepth() throws(YAMLError) {
        var level = 0
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(parser, &event) == 1 else { throw error }
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_STREAM_END_EVENT: return
            case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT: level += 1
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: level -= 1
            default: break
            }
            if level > Document.mostLevels {
                throw Document.tooDeep(line: Int(event.start_mark.line) + 1)
            }
        }
    }

    /// The next document of the text; `nil` behind the last one.
    func next() throws(YAMLError) -> Document? {
        let document = Document()
        guard yaml_parser_load(parser, document.pointer) == 1 else { throw error }
        return document.isEmpty ? nil : document
    }

    private var error: YAMLError {
        let detail = parser.pointee.problem.map { String(cString: $0) } ?? "it cannot be read"
        // What it says of the two slips that everybody makes (libyaml 0.2.5, scanner.c).
        let cure =
            switch detail {
            case "did not find expected alphabetic or numeric character":
                ": a text that begins with * or & needs quotes"
            case "found character that cannot start any token":
                ": YAML takes no tabs, and a text that begins with @, ` or % needs quotes"
            default: ""
            }
        return YAMLError(line: Int(parser.pointee.problem_mark.line) + 1, detail + cure)
    }
}

/// One document as libyaml keeps it: nodes that name each other by number. Aliases name the same node again.
private final class Document {
    let pointer: UnsafeMutablePointer<yaml_document_t>
    private var nodes = 0

    /// A configuration has far less; aliases of aliases could make billions.
    private static let mostNodes = 100_000
    static let mostLevels = 32

    static func tooDeep(line: Int) -> YAMLError { YAMLError(line: line, "more than \(mostLevels) levels") }

    init() {
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: yaml_document_t())
    }

    deinit {
        yaml_document_delete(pointer)
        pointer.deallocate()
    }

    var isEmpty: Bool { yaml_document_get_root_node(pointer) == nil }

    func root() throws(YAMLError) -> YAMLNode {
        try node(1, level: 0)
    }

    private func node(_ number: yaml_node_item_t, level: Int) throws(YAMLError) -> YAMLNode {
        let node = yaml_document_get_node(pointer, number)!.pointee
        let line = Int(node.start_mark.line) + 1
        nodes += 1
        if nodes > Self.mostNodes { throw YAMLError(line: line, "there is too much of it") }
        if level > Self.mostLevels { throw Self.tooDeep(line: line) }
        switch node.type {
        case YAML_SEQUENCE_NODE:
            var elements: [YAMLNode] = []
            let items = node.data.sequence.items
            for item in UnsafeBufferPointer(start: items.start, count: items.top - items.start) {
                elements.append(try self.node(item, level: level + 1))
            }
            return YAMLNode(.sequence(elements), line: line)
        case YAML_MAPPING_NODE:
            let pairs = node.data.mapping.pairs
            return YAMLNode(
                .mapping(try members(UnsafeBufferPointer(start: pairs.start, count: pairs.top - pairs.start), level)),
                line: line)
        default:
            let isPlain = node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
            return YAMLNode(Self.content(of: node, isPlain: isPlain), line: line, isQuoted: !isPlain)
        }
    }

    private func members(
        _ pairs: UnsafeBufferPointer<yaml_node_pair_t>, _ level: Int
    ) throws(YAMLError) -> [(key: String, line: Int, value: YAMLNode)] {
        var members: [(key: String, line: Int, value: YAMLNode)] = []
        var lines: [String: Int] = [:]
        for pair in pairs {
            let key = try node(pair.key, level: level + 1)
            guard case .scalar(let name) = key.content else {
                throw YAMLError(line: key.line, "a key must be text")
            }
            if let first = lines.updateValue(key.line, forKey: name) {
                throw YAMLError(line: key.line, "'\(name)' is there already, in line \(first)")
            }
            members.append((name, key.line, try node(pair.value, level: level + 1)))
        }
        return members
    }

    /// A scalar's text is UTF-8: libyaml refuses anything else.
    private static func content(of node: yaml_node_t, isPlain: Bool) -> YAMLNode.Content {
        let scalar = node.data.scalar
        let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
        return isPlain && ["", "~", "null", "Null", "NULL"].contains(text) ? .null : .scalar(text)
    }
}
