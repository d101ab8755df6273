internal import CJansson

/// What jansson wants done once in a process.
public enum JSONLibrary {
    /// Seeds the hash function against crafted keys. Call it before the first thread parses: jansson would otherwise
    /// seed itself on first use, which its manual calls unsafe with several threads.
    public static func prepare() {
        json_object_seed(0)
    }
}
