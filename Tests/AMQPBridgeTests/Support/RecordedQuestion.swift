import BrokerFixtures
import Foundation
import JSON
import Testing

@testable import AMQPBridge

/// A file of Recorded/questions: a question as it is on the wire, and what a server answers. Python and Node read them, too.
struct RecordedQuestion {
    /// In all of them.
    static let id = "00112233445566778899aabbccddeeff"

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Recorded/questions").standardizedFileURL

    let question: Meaning
    /// Whether it carries an expiration.
    let expires: Bool
    let answers: [ServerMessage]

    init(named name: String) throws {
        let file = Self.folder.appending(path: "\(name).json")
        let members = try ServerText(Array(Data(contentsOf: file))).root.members
        question = try Meaning(of: #require(members["question"]).text.bytes)
        expires = try #require(members["expires"]?.boolean as Bool?)
        var answers: [ServerMessage?] = []
        try #require(members["answers"]).forEachElement { answers.append(ServerMessage(Array($1.text.bytes))) }
        self.answers = try answers.map { try #require($0) }
    }

    static func names() throws -> Set<String> {
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return Set(files.filter { $0.pathExtension == "json" }.map { $0.deletingPathExtension().lastPathComponent })
    }
}
