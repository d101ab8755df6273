internal import CJSONArena
internal import CJansson
internal import Glibc

/// jansson's tree of a text, and the only place where jansson is given one. A string whose inside needs no reading
/// (``JSONOutline``) is empty in it, unlike in the text.
///
/// Owns the root: "The caller owns the returned reference" (jansson manual, json_loadb). Nobody else ever has one: so the memory of
/// the whole tree, which is ours, is given back at once, and jansson need not walk through it.
struct JSONTree: ~Copyable {
    let root: UnsafeMutablePointer<json_t>
    private let memory: gateway_json_region

    /// - Parameter allowsRepeatedKeys: whether an object may have a key twice. The tree then has the last value in the place of
    ///   the first: its members are not those of the text any more.
    init(parsing text: borrowing ArraySlice<UInt8>, allowsRepeatedKeys: Bool = false) throws(JSONError) {
        if JSONError.hasRawNUL(text) { throw JSONDiagnosis(copy text).wholeText ?? .rawNUL(in: copy text) }
        precondition(JSONLibrary.isPrepared)
        var error = json_error_t()
        var flags = Int(JSON_ALLOW_NUL | JSON_DECODE_ANY)
        if !allowsRepeatedKeys { flags |= Int(JSON_REJECT_DUPLICATES) }
        let mark = gateway_json_mark()
        guard let root = text.withUnsafeBytes({ Self.tree(of: $0, flags, &error) }) else {
            throw JSONError(error, of: copy text)
        }
        self.root = root
        memory = gateway_json_since(mark)
    }

    private static func tree(
        of text: UnsafeRawBufferPointer, _ flags: Int, _ error: inout json_error_t
    ) -> UnsafeMutablePointer<json_t>? {
        let ofOutline = withUnsafeTemporaryAllocation(byteCount: text.count, alignment: 1) { place in
            let size = JSONOutline.write(of: text, to: place)
            return size < text.count ? load(UnsafeRawBufferPointer(rebasing: place[..<size]), flags, &error) : nil
        }
        // The place of an error is that in the text.
        return ofOutline ?? load(text, flags, &error)
    }

    private static func load(
        _ text: UnsafeRawBufferPointer, _ flags: Int, _ error: inout json_error_t
    ) -> UnsafeMutablePointer<json_t>? {
        // jansson wants a non-null pointer for the empty text, too.
        guard let start = text.baseAddress else { return json_loadb("", 0, flags, &error) }
        let characters = start.assumingMemoryBound(to: CChar.self)
        if let root = json_loadb(characters, text.count, flags, &error) { return root }
        guard json_error_code(&error) == json_error_numeric_overflow else { return nil }
        // An integer beyond 64 bits: as a double it can be checked, and it is passed on from the text, digit by digit.
        return json_loadb(characters, text.count, flags | Int(JSON_DECODE_INT_AS_REAL), &error)
    }

    deinit { if memory.block == nil { json_decref(root) } else { gateway_json_free_region(memory) } }
}

extension JSONError {
    /// Whether there is a raw NUL, which is nowhere part of JSON. jansson's lexer (2.14, `stream_unget`) loses one that ends a
    /// number, `true`, `false` or `null`: the text would be taken for valid, and what is copied out of it would not be.
    fileprivate static func hasRawNUL(_ text: borrowing ArraySlice<UInt8>) -> Bool {
        text.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return false }
            return memchr(start, 0, buffer.count) != nil
        }
    }

    fileprivate static func rawNUL(in text: ArraySlice<UInt8>) -> JSONError {
        let place = JSONDiagnosis(text).place(of: text.firstIndex(of: 0) ?? text.startIndex)
        return JSONError(kind: .invalid, detail: "a raw NUL byte at \(place)")
    }

    /// jansson's error as ours. Its text can quote the input, which belongs in no log: only the place is kept.
    fileprivate init(_ error: json_error_t, of text: ArraySlice<UInt8>) {
        let diagnosis = JSONDiagnosis(text)
        if let fault = diagnosis.wholeText {
            self = fault
            return
        }
        var copy = error
        let place = "line \(error.line), column \(error.column)"
        switch json_error_code(&copy) {
        case json_error_duplicate_key:
            self.init(kind: .duplicateKey, detail: "an object has the same key twice, at \(place)")
        case json_error_null_byte_in_key:
            self.init(kind: .invalid, detail: "an object key contains NUL, at \(place)")
        case json_error_numeric_overflow:
            self.init(kind: .invalid, detail: "a number is too large for a double, at \(place)")
        case json_error_invalid_utf8:
            self = diagnosis.notUTF8
        case json_error_stack_overflow:
            self.init(kind: .tooDeep, detail: "too many levels of arrays and objects")
        case json_error_premature_end_of_input:
            self.init(kind: .invalid, detail: "the text ends inside a value, at \(place)")
        case json_error_end_of_input_expected:
            self.init(kind: .trailing, detail: "there is something behind the value, at \(place)")
        // What its lexer says of escapes and control bytes in strings (jansson 2.14, load.c, lex_scan_string).
        case _ where error.says("invalid Unicode '"):
            self = diagnosis.halfOfPair ?? JSONError(kind: .invalid, detail: "a syntax error at \(place)")
        case _ where error.says("control character ") || error.says("unexpected newline"):
            self.init(
                kind: .invalid,
                detail: "a control character in a string, at \(place): write it as an escape, such as \\n")
        default:
            let hint = diagnosis.lacksQuotes ? ": JSON takes double quotes; has a shell taken them away?" : ""
            self.init(kind: .invalid, detail: "a syntax error at \(place)\(hint)")
        }
    }
}

extension json_error_t {
    /// Whether the text begins so.
    fileprivate func says(_ beginning: String) -> Bool {
        withUnsafeBytes(of: text) { $0.starts(with: beginning.utf8) }
    }
}
