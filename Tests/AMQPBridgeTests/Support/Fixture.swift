import Foundation
import Testing

/// What real servers put on the broker: a file in Fixtures. Their exchange was renamed for the recording.
struct Fixture: Decodable {
    struct Case: Decodable {
        let name: String
        let published: [Message]
    }

    struct Message: Decodable {
        let routingKey: String
        let headers: [String: [String]]?
        let body: String
    }

    let cases: [Case]

    init(named name: String) throws {
        let file = try #require(Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Fixtures"))
        self = try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
    }

    func messages(of name: String) throws -> [Message] {
        try #require(cases.first { $0.name == name }).published
    }
}

/// JSON by meaning: the order of keys and the spelling of numbers make no difference.
enum Meaning: Decodable, Equatable {
    case null
    case boolean(Bool)
    case number(Double)
    case string(String)
    case array([Meaning])
    case object([String: Meaning])

    init(of json: some Sequence<UInt8>) throws {
        self = try JSONDecoder().decode(Meaning.self, from: Data(json))
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let boolean = try? container.decode(Bool.self) {
            self = .boolean(boolean)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let string = try? container.decode(String.self) {
            self = .string(string)
        } else if let array = try? container.decode([Meaning].self) {
            self = .array(array)
        } else {
            self = .object(try container.decode([String: Meaning].self))
        }
    }
}
