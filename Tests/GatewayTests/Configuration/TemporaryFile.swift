import Foundation

/// A file with this content, for as long as the body runs.
func withFile<Value>(_ content: String = "", named name: String = "", _ body: (String) throws -> Value) throws -> Value
{
    let file = FileManager.default.temporaryDirectory.appending(path: "gateway-test-\(UUID().uuidString)-\(name)")
    try Data(content.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return try body(file.path)
}

/// An empty directory, for as long as the body runs.
func withDirectory<Value>(_ body: (URL) throws -> Value) throws -> Value {
    let directory = FileManager.default.temporaryDirectory.appending(path: "gateway-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory)
}
