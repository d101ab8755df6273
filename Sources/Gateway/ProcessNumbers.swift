internal import Glibc

/// The numbers that Prometheus expects every process to tell of itself (prometheus.io, "Writing client libraries",
/// process metrics). A number that the system does not tell is `nil`.
enum ProcessNumbers {
    /// The CPU time in user and system mode, in seconds.
    static var cpuSeconds: Double? {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return nil }
        return time.seconds
    }

    /// The memory, in bytes.
    static var memory: (resident: UInt64, virtual: UInt64)? {
        guard let fields = status, let virtual = UInt64(fields[20]), let pages = UInt64(fields[21]) else { return nil }
        return (pages * UInt64(sysconf(Int32(_SC_PAGESIZE))), virtual)
    }

    static var openDescriptors: UInt64? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count: UInt64 = 0
        while let entry = readdir(directory) {
            // All but "." and "..".
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        // The directory's own is one of them.
        return count - 1
    }

    static var mostDescriptors: UInt64? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        return UInt64(limit.rlim_cur)
    }

    /// The time at which the process started, in seconds since 1970. Worked out once: the system knows it by a clock
    /// that cannot be set.
    static let startTime: Double? = {
        var (now, sinceBoot) = (timespec(), timespec())
        guard let fields = status, let ticks = Double(fields[19]), clock_gettime(CLOCK_REALTIME, &now) == 0,
            clock_gettime(CLOCK_BOOTTIME, &sinceBoot) == 0
        else { return nil }
        return now.seconds - sinceBoot.seconds + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }()

    /// The fields of /proc/self/stat from the third one on (proc(5)): the second is a name in parentheses, which may
    /// contain anything.
    private static var status: [Substring]? {
        guard let bytes = try? FileContents.read("/proc/self/stat", atMost: 4_096),
            let end = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = String(decoding: bytes[(end + 1)...], as: UTF8.self).split(separator: " ")
        return fields.count > 21 ? fields : nil
    }
}

extension timespec {
    fileprivate var seconds: Double { Double(tv_sec) + Double(tv_nsec) / 1e9 }
}
