# frozen_string_literal: true

require "json"
require "net/http"
require "openssl"
require "securerandom"
require "timeout"
require "uri"

# Emits Socket.IO events through socketio-gateway. One file, nothing but Ruby's own library.
#
#   gateway = SocketIOGateway.new("http://127.0.0.1:8080", key: "…")
#   gateway.to("room").except("other").emit("event", { id: 42 })
#
# What an answer (a Hash with strings as keys) and an error hold is the gateway's contract: `GET /openapi.yaml`, `GET /problems`.
module SocketIOGateway
  VERSION = "0.2.0"

  # The gateway at a URL: see Gateway.
  def self.new(...) = Gateway.new(...)

  # What was asked for was not done, or nobody knows whether it was.
  class Error < StandardError
    # The HTTP status, or nil without an answer.
    attr_reader :status
    # One of the gateway's codes; `no_answer`, `bad_answer` (of something between, say), or `incomplete`.
    attr_reader :code
    attr_reader :detail, :errors, :request_id
    # `"unknown"`: it may have been done all the same. Otherwise nil, and nothing was done.
    attr_reader :outcome

    def initialize(status, code, detail, problem = {})
      super("#{code}: #{detail}")
      @status = status
      @code = code
      @detail = detail
      @outcome = problem["outcome"]
      @retryable = problem["retryable"] == true
      @errors = problem["errors"] || []
      @request_id = problem["requestId"]
    end

    # Whether the same may succeed later, and nothing was done.
    def retryable? = @retryable

    # @api private
    def unsettled!
      @outcome = "unknown"
      @retryable = false
    end
  end

  # A string that arrives as bytes: `emit("picture", SocketIOGateway::Binary.new(png))`. Means something in an emitter's arguments alone.
  class Binary
    # A key that no data has: it tells these bytes from data with a key `$binary`.
    MARK = "$binary-#{SecureRandom.hex(16)}"
    private_constant :MARK

    def initialize(bytes)
      @bytes = bytes
    end

    def to_json(*state) = { MARK => [@bytes].pack("m0") }.to_json(*state)

    # The fields as JSON, with `{"$binary": …}` for bytes wherever they stand; `binary` is then set.
    # @api private
    def self.encoded(body)
      text = begin
        JSON.generate(body)
      rescue JSON::GeneratorError, EncodingError => e
        raise ArgumentError, "cannot be sent as JSON: #{e.message}"
      end
      mark = "\"#{MARK}\":"
      return text unless text.include?(mark)
      raise ArgumentError, "data with a key $binary cannot go beside bytes" if text.include?('"$binary":')

      "#{text.gsub(mark, '"$binary":').chop},\"binary\":true}"
    end
  end

  # Whom it is for, and how. Every call that narrows it gives a new one, so one may be kept and used again. Times are in seconds.
  class Emitter
    # @api private
    def initialize(sink, fields = {}, options = {})
      @sink = sink
      @fields = fields
      @options = { timeout: 5, mode: "all", key: nil }.merge(options)
    end

    def of(namespace) = with(namespace: namespace)

    # The union of these rooms and those before; a socket's id is a room, too. No room at all is refused by the gateway.
    def to(*rooms) = more(:rooms, rooms)
    alias in to

    def except(*rooms) = more(:except, rooms)

    # For servers that can leave out sockets, but no rooms.
    def except_sockets(*ids) = more(:exceptSockets, ids)

    def volatile = with(volatile: true)

    # Answered before RabbitMQ has it: it may get lost.
    def unconfirmed = with(confirm: "none")

    def compress(compress) = with(compress: compress)

    # For one emit that this program may repeat by itself, after a crash, say. Without it each emit makes its own.
    def idempotency_key(key) = Emitter.new(@sink, @fields, { **@options, key: key })

    # How long acknowledgements, and the answers to `server_side_emit_with_ack`, are waited for.
    def timeout(seconds) = Emitter.new(@sink, @fields, { **@options, timeout: seconds })

    # One acknowledgement is enough.
    def first = Emitter.new(@sink, @fields, { **@options, mode: "first" })

    # `id`, `status`, `routed`, and `reason` if nobody was there.
    def emit(event, *args) = call("/v1/emit", event(event, args))

    # As `emit`, with `recipients`, `servers` and `acks`: `responses`, `expected`, `received`, `complete`.
    def emit_with_ack(event, *args)
      ack = { mode: @options[:mode], timeoutMs: milliseconds }
      call("/v1/emit", event(event, args).merge(ack: ack), @options[:timeout])
    end

    # Checks an emit, and publishes nothing.
    def dry_run(event, *args) = call("/v1/emit", event(event, args).merge(dryRun: true), 5)

    # An event for the servers themselves.
    def server_side_emit(event, *args) = call("/v1/servers/emit", event(event, args))

    # `responses` (`server` and `value`), `complete`, `servers`.
    def server_side_emit_with_ack(event, *args)
      call("/v1/servers/emit", event(event, args).merge(ack: { timeoutMs: milliseconds }), @options[:timeout])
    end

    # Every socket in the rooms of the emitter (without any: every socket) joins these rooms. `matched`, `complete`, `servers`.
    def sockets_join(*rooms) = call("/v1/sockets/join", selection.merge(rooms: rooms.flatten), 5)

    def sockets_leave(*rooms) = call("/v1/sockets/leave", selection.merge(rooms: rooms.flatten), 5)

    # With `close` their connections end, in all namespaces.
    def disconnect_sockets(close: false) = call("/v1/sockets/disconnect", selection.merge(close: close), 5)

    # `id`, `rooms`, `data` and `server` of each. Raises `incomplete` if a server has not answered.
    def fetch_sockets
      sockets = []
      body = @fields
      loop do
        page = call("/v1/sockets/query", body, 5)
        unless page["complete"]
          detail = "not all servers have answered: #{page['servers']}"
          raise Error.new(200, "incomplete", detail, { "retryable" => true })
        end
        sockets.concat(page["sockets"])
        return sockets if page["nextCursor"].nil?

        body = body.merge(cursor: page["nextCursor"])
      end
    end

    # How many `sockets` the namespace has, and in `rooms` each of the emitter's.
    def counts = call("/v1/counts", @fields, 5)

    private

    def with(fields) = Emitter.new(@sink, @fields.merge(fields), @options)

    def more(name, names) = with(name => [*@fields[name], *names.flatten])

    def event(event, args) = @fields.merge(event: event, args: args)

    # What does not fit, `volatile` or so, is passed on all the same: the gateway refuses it.
    def selection
      fields = @fields.reject { |name, _| name == :rooms }
      @fields.key?(:rooms) ? fields.merge(in: @fields[:rooms]) : fields.merge(all: true)
    end

    def milliseconds = (@options[:timeout] * 1000).round

    def call(path, body, wait = 0) = @sink.call(path, body, wait, @options[:key])
  end

  # The gateway at a URL. May be used by several threads at once, and after a fork.
  class Gateway < Emitter
    # timeout:: seconds for opening a connection, and for an answer (on top of what the servers are given)
    # retry_for:: seconds in which an attempt that failed is followed by another, with the same `Idempotency-Key`: a lost connection, and
    #             what the gateway says may be sent again. What has an unknown outcome for the gateway, too, is not
    # tls:: what `Net::HTTP.start` takes for https, such as `ca_file:`
    def initialize(url = "http://127.0.0.1:8080", key: nil, timeout: 10, retry_for: 30, tls: {})
      @client = Client.new(url, key, timeout, retry_for, tls)
      super(@client)
    end

    # Collects emits: `batch.to("room").emit(…)`, then `batch.deliver`. With a block it is sent at the block's end.
    def batch
      batch = Batch.new(@client)
      return batch unless block_given?

      yield batch
      batch.deliver
    end

    def close = @client.close
  end

  # Emits that are sent together, in their order. Nothing leaves before `deliver`.
  class Batch < Emitter
    # @api private
    def initialize(client)
      @client = client
      @items = Collector.new
      super(@items)
    end

    # `results` (`status`, with `id` and `routed`, or `problem`), `confirmed`, `failed`: an item that fails raises nothing.
    def deliver(idempotency_key: nil)
      @client.attempt("/v1/batch", "{\"items\":[#{@items.take.join(',')}]}", 5, idempotency_key)
    end
  end

  # @api private
  class Collector
    def initialize
      @items = []
    end

    def call(path, body, _wait, key)
      if path != "/v1/emit" || body.key?(:ack) || key
        raise ArgumentError, "a batch takes emits alone, without acknowledgements or keys of their own"
      end

      @items << Binary.encoded(body)
      nil
    end

    def take
      items = @items
      @items = []
      items
    end
  end

  # Attempts, and connections that are kept.
  # @api private
  class Client
    LONGEST_PAUSE = 2.0 # seconds, unless `Retry-After` says more
    MOST_KEPT = 32 # connections
    MOST_READ = 64 << 20 # bytes of an answer
    LOSSES = [
      SystemCallError, IOError, Timeout::Error, SocketError, OpenSSL::SSL::SSLError, Net::ProtocolError, Net::HTTPBadResponse, Net::HTTPHeaderSyntaxError
    ].freeze

    Lost = Struct.new(:message, :sent, :again)

    def initialize(url, key, timeout, retry_for, tls)
      @uri = URI(url)
      raise ArgumentError, "not the URL of a gateway: #{url}" unless @uri.is_a?(URI::HTTP) && @uri.host

      @tls = @uri.scheme == "https" ? { use_ssl: true, **tls } : {}
      @timeout = timeout
      @retry_for = retry_for
      @headers = { "Content-Type" => "application/json", "Accept-Encoding" => "identity", "User-Agent" => "socketio-gateway-emitter-ruby/#{VERSION}" }
      @headers["Authorization"] = "Bearer #{checked(key)}" if key
      @idle = []
      @mutex = Mutex.new
      @owner = Process.pid
    end

    def call(path, body, wait, key) = attempt(path, Binary.encoded(body), wait, key)

    def attempt(path, data, wait, key)
      headers = @headers.dup
      # Questions do nothing: asked again, they are answered anew.
      headers["Idempotency-Key"] = checked(key || SecureRandom.uuid) unless path.end_with?("/query", "/counts")
      finish = now + @retry_for
      unsettled = false # an attempt was lost: it may have got through
      (0..).each do |number|
        pause = [0.1 * (2**[number, 10].min), LONGEST_PAUSE].min * rand(0.5..1.0)
        response, text = exchange(path, data, headers, @timeout + wait)
        if response.is_a?(Lost)
          unsettled ||= response.sent
          again = response.again
          error = Error.new(nil, "no_answer", response.message, { "retryable" => again })
        else
          status = response.code.to_i
          answer = parsed(text)
          return answer if (200..299).cover?(status) && answer?(path, answer)

          results = answer["results"] if path == "/v1/batch" && answer && results?(answer["results"])
          return answer if results && !results.all? { |result| result.dig("problem", "retryable") }

          problem = problem_in(results ? results.dig(0, "problem") : answer)
          if problem
            error = Error.new(status, problem["code"], problem["detail"], problem)
            again = error.retryable?
          else # of something between, which may have passed it on
            error = Error.new(status, "bad_answer", "the status is #{status}")
            again = [408, 429, 502, 503, 504].include?(status)
            unsettled ||= again || status >= 500 || status < 400
          end
          unsettled ||= error.code == "idempotency_key_in_flight"
          pause = [pause, response["Retry-After"].to_i].max if response["Retry-After"]&.match?(/\A\d+\z/)
        end
        if !again || now + pause > finish
          error.unsettled! if unsettled
          raise error
        end
        sleep(pause)
      end
    end

    def close
      @mutex.synchronize { @idle.shift(@idle.size) }.each(&:finish)
    end

    private

    # A Net::HTTPResponse and its body (nil if it is too large), or a Lost.
    def exchange(path, data, headers, timeout)
      begin
        connection = kept || opened
      rescue *LOSSES => e
        certificate = e.is_a?(OpenSSL::SSL::SSLError) && e.message.include?("certificate")
        return Lost.new("there is no connection to the gateway: #{e.message}", false, !certificate)
      end
      is_whole = false
      begin
        connection.read_timeout = timeout
        response = nil
        text = +""
        # `read_timeout` is for each part.
        is_whole = Timeout.timeout(timeout, Net::ReadTimeout, "no answer in time") do
          catch(:too_large) do
            connection.request_post(@uri.path.chomp("/") + path, data, headers) do |answer|
              response = answer
              throw :too_large if (answer.content_length || 0) > MOST_READ
              answer.read_body do |part|
                text << part
                throw :too_large if text.bytesize > MOST_READ
              end
            end
            true
          end
        end
        return response, nil unless is_whole

        length = response.content_length # a body that is too short is no error to Net::HTTP
        is_whole = length.nil? || text.bytesize == length
        raise EOFError, "the answer is not whole" unless is_whole

        [response, text]
      rescue *LOSSES => e
        Lost.new("the connection was lost: #{e.message}", true, true)
      ensure
        is_whole ? give_back(connection) : drop(connection) # an answer to nobody would be the next one's
      end
    end

    def opened
      options = { open_timeout: @timeout, write_timeout: @timeout, max_retries: 0, keep_alive_timeout: 3600, **@tls }
      Net::HTTP.start(@uri.host, @uri.port, nil, options)
    end

    def kept
      loop do
        connection = @mutex.synchronize do
          if @owner != Process.pid # after a fork they are the parent's
            @idle = []
            @owner = Process.pid
          end
          @idle.pop
        end
        return connection if connection.nil? || !ended?(connection)

        drop(connection)
      end
    end

    # Nothing is awaited: what can be read is the end.
    def ended?(connection)
      socket = connection.instance_variable_get(:@socket)
      socket.nil? || socket.closed? || !IO.select([socket.io], nil, nil, 0).nil?
    end

    def give_back(connection)
      @mutex.synchronize { return @idle << connection if @idle.size < MOST_KEPT }
      drop(connection)
    end

    def drop(connection)
      connection.finish if connection.started?
    rescue *LOSSES
      nil
    end

    def parsed(text)
      value = JSON.parse(text)
      value.is_a?(Hash) ? value : nil
    rescue JSON::ParserError, TypeError
      nil
    end

    def results?(results)
      results.is_a?(Array) && results.any? && results.all? do |result|
        result.is_a?(Hash) && result["status"].is_a?(Integer) && (!result.key?("problem") || problem_in(result["problem"]))
      end
    end

    # Whether it has what an answer of the gateway there always has: what stands between says 200, too.
    def answer?(path, answer)
      case path
      when "/v1/batch" then results?(answer&.fetch("results", nil))
      when "/v1/counts" then answer&.key?("sockets")
      when "/v1/sockets/query"
        answer && answer["sockets"].is_a?(Array) && [true, false].include?(answer["complete"]) &&
          (answer["nextCursor"].nil? || answer["nextCursor"].is_a?(String))
      else
        answer && (answer["status"].is_a?(String) || (path == "/v1/servers/emit" && answer["responses"].is_a?(Array)))
      end
    end

    # What a header can hold as it is. The error does not say it: it may be a secret.
    def checked(key)
      raise ArgumentError, "a key is printable ASCII, is not empty, and has no spaces or line ends around it" if key.b.match?(/\A\z|[^ -~]|\A | \z/)

      key
    end

    # The gateway's own word that something failed, or nil. What stands between has codes, too, which mean nothing here.
    def problem_in(answer)
      return nil unless answer.is_a?(Hash) && %w[type code detail].all? { |name| answer[name].is_a?(String) }

      errors = answer.fetch("errors", [])
      ours = answer["type"].start_with?("/problems#") && [true, false].include?(answer["retryable"])
      whole = answer.fetch("outcome", "unknown") == "unknown" && answer.fetch("requestId", "").is_a?(String)
      answer if ours && whole && errors.is_a?(Array) && errors.all?(Hash)
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
