import ServedDocuments
import Testing
import YAML

/// `openapi.yaml`, as it is served.
enum OpenAPIDocument {
    static func root() throws -> YAMLNode {
        let bytes = UnsafeBufferPointer(start: openapi_document.start, count: openapi_document.size)
        return try #require(try YAMLNode.parse(Array(bytes)))
    }

    /// Every operation, as `POST /v1/emit`, without the `HEAD` that goes with each `GET`.
    static func operations() throws -> [String: YAMLNode] {
        var found: [String: YAMLNode] = [:]
        for (path, _, item) in try #require(try root()["paths"]?.members) {
            for (name, _, operation) in item.members ?? [] where name != "parameters" {
                found["\(name.uppercased()) \(path)"] = operation
            }
        }
        return found
    }

    static func schema(_ name: String) throws -> YAMLNode {
        try #require(try root()["components"]?["schemas"]?[name])
    }

    /// Every mapping of the document that is a problem: an example of one.
    static func problems() throws -> [YAMLNode] {
        var found: [YAMLNode] = []
        var left = [try root()]
        while let node = left.popLast() {
            if node["code"]?.text != nil, node["title"]?.text != nil { found.append(node) }
            left += node.members?.map(\.value) ?? node.items ?? []
        }
        return found
    }
}

extension YAMLNode {
    var text: String? {
        if case .scalar(let text) = content { text } else { nil }
    }

    var items: [YAMLNode]? {
        if case .sequence(let items) = content { items } else { nil }
    }

    var members: [(key: String, line: Int, value: YAMLNode)]? {
        if case .mapping(let members) = content { members } else { nil }
    }

    subscript(_ key: String) -> YAMLNode? {
        members?.first { $0.key == key }?.value
    }
}
