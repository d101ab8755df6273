-- wrk: one batch again and again; when each was answered (seconds of CLOCK_MONOTONIC), and the figures, as one line of
-- JSON at the end. A 207 is an error here: something in the batch failed.

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, nanoseconds; } moment; int clock_gettime(int clock, moment *now);")
local CLOCK_MONOTONIC = 1
local now = ffi.new("moment")

local file = assert(io.open(os.getenv("BENCH_BODY_FILE"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()

-- Global, since `done` fetches them from the thread.
answered, not_ok = {}, 0

function response(status)
  if status ~= 200 then
    not_ok = not_ok + 1
    return
  end
  ffi.C.clock_gettime(CLOCK_MONOTONIC, now)
  table.insert(answered, string.format("%.6f", tonumber(now.seconds) + tonumber(now.nanoseconds) / 1e9))
end

local only_thread

function setup(thread)
  only_thread = thread
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"answered": [%s], "p50": %d, "p99": %d, "not_ok": %d, "socket_errors": %d}',
    table.concat(only_thread:get("answered"), ","), latency:percentile(50), latency:percentile(99),
    only_thread:get("not_ok"), errors.connect + errors.read + errors.write + errors.timeout))
end
