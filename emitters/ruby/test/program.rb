# frozen_string_literal: true

# Runs one scenario against the gateway of the environment and prints what came of it as JSON: Tests/EndToEnd/emitters judges.

require "socketio_gateway"

GATEWAY = SocketIOGateway.new(ENV.fetch("URL"), key: ENV.fetch("KEY"), timeout: ENV["TIMEOUT"].to_f, retry_for: ENV["RETRY_FOR"].to_f)

def attempt
  yield
rescue SocketIOGateway::Error => e
  { error: { status: e.status, code: e.code, outcome: e.outcome, retryable: e.retryable?, places: e.errors } }
end

def complains?
  yield
  false
rescue ArgumentError
  true
end

def once = attempt { GATEWAY.to("room").emit("once", { id: 42 }) }

def twice = [once, once]

def batch
  batch = GATEWAY.batch
  batch.to("a").emit("first", 1)
  batch.to("b").emit("second", SocketIOGateway::Binary.new("\x00\xff".b))
  batch.emit("")
  attempt { batch.deliver }
end

def valid_batch
  attempt do
    GATEWAY.batch do |batch|
      batch.emit("first", 1)
      batch.emit("second", 2)
    end
  end
end

def keys
  JSON.parse(ENV.fetch("KEY")).map do |key|
    SocketIOGateway.new(ENV.fetch("URL"), key: key)
    nil
  rescue ArgumentError => e
    e.message
  end
end

def fetched = attempt { GATEWAY.fetch_sockets }

def emits
  room = GATEWAY.to("a") # may be used again
  room.to(["b"]).emit("union", 0.1, { z: nil, a: "ä" })
  room.emit("room")
  GATEWAY.except("b").emit("except")
  GATEWAY.except_sockets("sid").emit("sockets")
  GATEWAY.volatile.compress(false).emit("flags")
  GATEWAY.of("/chat").in(7).emit("number")
  GATEWAY.emit("bytes", { deep: [SocketIOGateway::Binary.new("\x00\xff".b)] }, SocketIOGateway::Binary.new(""))
  [GATEWAY.unconfirmed.emit("unconfirmed"), GATEWAY.dry_run("dry"), attempt { GATEWAY.to([]).emit("nobody") }]
end

def questions
  {
    acks: GATEWAY.to("a").timeout(20).emit_with_ack("q", 1)["acks"],
    first: GATEWAY.first.timeout(20).emit_with_ack("q")["acks"]["complete"],
    joined: GATEWAY.in("a").except("b").sockets_join("c", 7)["matched"],
    counts: GATEWAY.in("c", 7, "a").counts,
    left: GATEWAY.in("c").sockets_leave("a")["matched"],
    fetched: GATEWAY.in("c").fetch_sockets,
    told: GATEWAY.server_side_emit("tell", 1)["status"],
    asked: GATEWAY.timeout(20).server_side_emit_with_ack("sum", 2, 3)["responses"].map { |answer| answer["value"] },
    disconnected: GATEWAY.in("b").disconnect_sockets(close: true)["matched"],
    all: GATEWAY.counts["sockets"],
    refused: attempt { GATEWAY.volatile.sockets_join("x") },
  }
end

def many
  numbers = Queue.new((0...100).to_a).close
  threads = Array.new(8) do
    Thread.new do
      statuses = []
      while (number = numbers.pop)
        statuses << attempt { GATEWAY.emit("n", number) }["status"]
      end
      statuses
    end
  end
  threads.flat_map(&:value)
end

def forked
  GATEWAY.emit("n", 0)
  child = fork do
    (101...120).each { |number| GATEWAY.emit("n", number) }
    exit!(true)
  end
  (1...20).each { |number| GATEWAY.emit("n", number) }
  Process.wait2(child)[1].exitstatus
end

def mistakes
  [
    complains? { GATEWAY.emit("once", "\xff") },
    complains? { GATEWAY.emit("once", Float::NAN) },
    complains? { GATEWAY.emit("once", [SocketIOGateway::Binary.new(""), { "$binary": "" }]) },
    complains? { GATEWAY.idempotency_key("k\n").emit("once") },
    complains? { GATEWAY.idempotency_key("").emit("once") },
    complains? { GATEWAY.batch.deliver(idempotency_key: "") },
    complains? { GATEWAY.batch.emit_with_ack("q") },
  ]
end

puts JSON.generate(send(ARGV.fetch(0)))
