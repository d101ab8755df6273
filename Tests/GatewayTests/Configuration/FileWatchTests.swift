import Foundation
import Testing

@testable import Gateway

@Suite("A watch over files")
struct FileWatchTests {
    /// Asks twice: what has changed must have come to rest.
    private func notices(_ watch: inout FileWatch) -> Bool {
        _ = watch.hasChanged()
        return watch.hasChanged()
    }

    @Test("notices that a file is written, replaced, gone, and back")
    func changes() throws {
        try withDirectory { directory throws in
            let file = directory.appending(path: "f")
            try Data("1".utf8).write(to: file)
            var watch = FileWatch([file.path])
            #expect(!notices(&watch))
            let steps: [() throws -> Void] = [
                { try Data("22".utf8).write(to: file) },
                { try Data("33".utf8).write(to: file, options: .atomic) },
                { try FileManager.default.removeItem(at: file) },
                { try Data("33".utf8).write(to: file) },
                { #expect(chmod(file.path, 0o400) == 0) },
            ]
            for (number, step) in steps.enumerated() {
                try step()
                #expect(notices(&watch), "step \(number)")
                #expect(notices(&watch), "says so until it is accepted")
                watch.accept()
                #expect(!notices(&watch), "step \(number)")
            }
        }
    }

    @Test("waits until a file has come to rest")
    func rest() throws {
        try withFile("1") { path throws in
            var watch = FileWatch([path])
            for count in 2...4 {
                try Data(String(repeating: "x", count: count).utf8).write(to: URL(filePath: path))
                let isAtRest = watch.hasChanged()
                #expect(!isAtRest)
            }
            let isAtRest = watch.hasChanged()
            #expect(isAtRest)
        }
    }

    @Test("follows links, as Kubernetes swaps them")
    func links() throws {
        try withDirectory { directory throws in
            let files = FileManager.default
            for name in ["..1", "..2"] {
                try files.createDirectory(at: directory.appending(path: name), withIntermediateDirectories: true)
                try Data("same".utf8).write(to: directory.appending(path: "\(name)/f"))
            }
            try files.createSymbolicLink(atPath: directory.appending(path: "..data").path, withDestinationPath: "..1")
            try files.createSymbolicLink(atPath: directory.appending(path: "f").path, withDestinationPath: "..data/f")
            var watch = FileWatch([directory.appending(path: "f").path])
            #expect(!notices(&watch))
            try files.createSymbolicLink(atPath: directory.appending(path: "..new").path, withDestinationPath: "..2")
            #expect(rename(directory.appending(path: "..new").path, directory.appending(path: "..data").path) == 0)
            #expect(notices(&watch))
        }
    }

    @Test("notices a file that was missing")
    func missing() throws {
        try withDirectory { directory throws in
            let file = directory.appending(path: "f")
            var watch = FileWatch([])
            watch.add(missing: file.path)
            watch.add(missing: file.path)
            #expect(watch.paths == [file.path])
            #expect(!notices(&watch))
            try Data().write(to: file)
            #expect(notices(&watch))
        }
    }

    @Test("notices one of several")
    func several() throws {
        try withFile("1") { first throws in
            try withFile("1") { second throws in
                var watch = FileWatch([first, second])
                #expect(!notices(&watch))
                try Data("2".utf8).write(to: URL(filePath: second))
                #expect(notices(&watch))
            }
        }
    }
}
