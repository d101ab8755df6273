<?php

/**
 * Emits Socket.IO events through socketio-gateway. One file; PHP 8.1 or later with its own extensions.
 *
 * What an answer and an error hold is the gateway's contract: `GET /openapi.yaml`, `GET /problems`.
 */

declare(strict_types=1);

namespace SocketIOGateway;

/** What was asked for was not done, or nobody knows whether it was. */
final class GatewayError extends \RuntimeException
{
    /** `unknown`: it may have been done all the same. Otherwise null, and nothing was done. */
    public ?string $outcome;
    /** Whether the same may succeed later, and nothing was done. */
    public bool $retryable;
    /** @var list<array{pointer?: string, parameter?: string, detail: string}> */
    public readonly array $errors;
    public readonly ?string $requestId;

    /**
     * @param ?int $status the HTTP status, or null without an answer
     * @param string $problem one of the gateway's codes; `no_answer`, `bad_answer` (of something between, say), or `incomplete`
     */
    public function __construct(
        public readonly ?int $status,
        public readonly string $problem,
        public readonly string $detail,
        array $document = [],
    ) {
        parent::__construct("$problem: $detail");
        $this->outcome = $document['outcome'] ?? null;
        $this->retryable = $document['retryable'] ?? false;
        $this->errors = $document['errors'] ?? [];
        $this->requestId = $document['requestId'] ?? null;
    }
}

/** A string that arrives as bytes: `emit('picture', new Binary($png))`. Means something in an emitter's arguments alone. */
final class Binary implements \JsonSerializable
{
    private static ?string $mark = null;

    public function __construct(private readonly string $bytes)
    {
    }

    public function jsonSerialize(): array
    {
        return [self::mark() => base64_encode($this->bytes)];
    }

    /** A key that no data has: it tells these bytes from data with a key `$binary`. */
    private static function mark(): string
    {
        return self::$mark ??= '$binary-' . bin2hex(random_bytes(16));
    }

    /** The fields as JSON, with `{"$binary": …}` for bytes wherever they stand; `binary` is then set. */
    public static function encoded(array $body): string
    {
        $options = JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION;
        try {
            $text = json_encode((object) $body, $options);
        } catch (\JsonException $error) {
            throw new \InvalidArgumentException("cannot be sent as JSON: {$error->getMessage()}", 0, $error);
        }
        $mark = '"' . self::mark() . '":';
        if (!str_contains($text, $mark)) {
            return $text;
        }
        if (str_contains($text, '"$binary":')) {
            throw new \InvalidArgumentException('data with a key $binary cannot go beside bytes');
        }
        return substr(str_replace($mark, '"$binary":', $text), 0, -1) . ',"binary":true}';
    }
}

/** @internal What an emitter hands its requests to. */
interface Sink
{
    public function call(string $path, array $body, float $wait, ?string $key): array;
}

/** Whom it is for, and how. Every call that narrows it gives a new one, so one may be kept and used again. */
class Emitter
{
    private array $fields = [];
    private float $seconds = 5.0;
    private string $mode = 'all';
    private ?string $key = null;

    protected function __construct(private readonly Sink $sink)
    {
    }

    public function of(string $namespace): Emitter
    {
        return $this->with(['namespace' => $namespace]);
    }

    /** The union of these rooms and those before; a socket's id is a room, too. No room at all is refused by the gateway. */
    public function to(string|int ...$rooms): Emitter
    {
        return $this->more('rooms', $rooms);
    }

    public function in(string|int ...$rooms): Emitter
    {
        return $this->to(...$rooms);
    }

    public function except(string|int ...$rooms): Emitter
    {
        return $this->more('except', $rooms);
    }

    /** For servers that can leave out sockets, but no rooms. */
    public function exceptSockets(string ...$ids): Emitter
    {
        return $this->more('exceptSockets', $ids);
    }

    public function volatile(): Emitter
    {
        return $this->with(['volatile' => true]);
    }

    /** Answered before RabbitMQ has it: it may get lost. */
    public function unconfirmed(): Emitter
    {
        return $this->with(['confirm' => 'none']);
    }

    public function compress(bool $compress): Emitter
    {
        return $this->with(['compress' => $compress]);
    }

    /** How many seconds acknowledgements, and the answers to `serverSideEmitWithAck`, are waited for. */
    public function timeout(float $seconds): Emitter
    {
        $copy = $this->with([]);
        $copy->seconds = $seconds;
        return $copy;
    }

    /** One acknowledgement is enough. */
    public function first(): Emitter
    {
        $copy = $this->with([]);
        $copy->mode = 'first';
        return $copy;
    }

    /** For one emit that this program may repeat by itself, after a crash, say. Without it each emit makes its own. */
    public function idempotencyKey(string $key): Emitter
    {
        $copy = $this->with([]);
        $copy->key = $key;
        return $copy;
    }

    /** @return array `id`, `status`, `routed`, and `reason` if nobody was there */
    public function emit(string $event, mixed ...$args): array
    {
        return $this->call('/v1/emit', $this->event($event, $args));
    }

    /** @return array as `emit`, with `recipients`, `servers` and `acks`: `responses`, `expected`, `received`, `complete` */
    public function emitWithAck(string $event, mixed ...$args): array
    {
        $ack = ['mode' => $this->mode, 'timeoutMs' => $this->milliseconds()];
        return $this->call('/v1/emit', [...$this->event($event, $args), 'ack' => $ack], $this->seconds);
    }

    /** Checks an emit, and publishes nothing. */
    public function dryRun(string $event, mixed ...$args): array
    {
        return $this->call('/v1/emit', [...$this->event($event, $args), 'dryRun' => true], 5);
    }

    /** An event for the servers themselves. */
    public function serverSideEmit(string $event, mixed ...$args): array
    {
        return $this->call('/v1/servers/emit', $this->event($event, $args));
    }

    /** @return array `responses` (`server` and `value`), `complete`, `servers` */
    public function serverSideEmitWithAck(string $event, mixed ...$args): array
    {
        $body = [...$this->event($event, $args), 'ack' => ['timeoutMs' => $this->milliseconds()]];
        return $this->call('/v1/servers/emit', $body, $this->seconds);
    }

    /** Every socket in the rooms of the emitter (without any: every socket) joins these rooms. `matched`, `complete`, `servers`. */
    public function socketsJoin(string|int ...$rooms): array
    {
        return $this->call('/v1/sockets/join', [...$this->selection(), 'rooms' => array_values($rooms)], 5);
    }

    public function socketsLeave(string|int ...$rooms): array
    {
        return $this->call('/v1/sockets/leave', [...$this->selection(), 'rooms' => array_values($rooms)], 5);
    }

    /** With `$close` their connections end, in all namespaces. */
    public function disconnectSockets(bool $close = false): array
    {
        return $this->call('/v1/sockets/disconnect', [...$this->selection(), 'close' => $close], 5);
    }

    /**
     * @return list<array> `id`, `rooms`, `data` and `server` of each
     * @throws GatewayError `incomplete`, too, if a server has not answered
     */
    public function fetchSockets(): array
    {
        $sockets = [];
        $body = $this->fields;
        do {
            $page = $this->call('/v1/sockets/query', $body, 5);
            if (!$page['complete']) {
                $detail = 'not all servers have answered: ' . json_encode($page['servers']);
                throw new GatewayError(200, 'incomplete', $detail, ['retryable' => true]);
            }
            array_push($sockets, ...$page['sockets']);
            $body['cursor'] = $page['nextCursor'];
        } while ($page['nextCursor'] !== null);
        return $sockets;
    }

    /** How many `sockets` the namespace has, and in `rooms` each of the emitter's. */
    public function counts(): array
    {
        return $this->call('/v1/counts', $this->fields, 5);
    }

    private function with(array $fields): Emitter
    {
        $copy = new Emitter($this->sink);
        [$copy->fields, $copy->seconds, $copy->mode, $copy->key] = [[...$this->fields, ...$fields], $this->seconds, $this->mode, $this->key];
        return $copy;
    }

    private function more(string $name, array $names): Emitter
    {
        return $this->with([$name => [...$this->fields[$name] ?? [], ...array_values($names)]]);
    }

    private function event(string $event, array $args): array
    {
        return [...$this->fields, 'event' => $event, 'args' => array_values($args)];
    }

    /** What does not fit, `volatile` or so, is passed on all the same: the gateway refuses it. */
    private function selection(): array
    {
        $fields = $this->fields;
        unset($fields['rooms']);
        return [...$fields, ...isset($this->fields['rooms']) ? ['in' => $this->fields['rooms']] : ['all' => true]];
    }

    private function milliseconds(): int
    {
        return (int) round($this->seconds * 1000);
    }

    private function call(string $path, array $body, float $wait = 0): array
    {
        return $this->sink->call($path, $body, $wait, $this->key);
    }
}

/** The gateway at a URL. Keeps its connection from one call to the next. */
final class Gateway extends Emitter
{
    public const VERSION = '0.2.0';

    private readonly Client $client;

    /**
     * @param float $timeout seconds for opening a connection, and for an answer (on top of what the servers are given)
     * @param float $retryFor seconds in which an attempt that failed is followed by another, with the same `Idempotency-Key`: a lost
     *     connection, and what the gateway says may be sent again. What has an unknown outcome for the gateway, too, is not
     * @param array $ssl PHP's SSL context options, for https
     */
    public function __construct(
        string $url = 'http://127.0.0.1:8080',
        #[\SensitiveParameter] ?string $key = null,
        float $timeout = 10.0,
        float $retryFor = 30.0,
        array $ssl = [],
    ) {
        $this->client = new Client($url, $key, $timeout, $retryFor, $ssl);
        parent::__construct($this->client);
    }

    /** Collects emits: `$batch->to('room')->emit(…)`, then `$batch->send()`. */
    public function batch(): Batch
    {
        return new Batch($this->client);
    }
}

/** Emits that are sent together, in their order. Nothing leaves before `send`. */
final class Batch extends Emitter
{
    private readonly Collector $items;

    /** @internal */
    public function __construct(private readonly Client $client)
    {
        $this->items = new Collector();
        parent::__construct($this->items);
    }

    /** @return array `results` (`status`, with `id` and `routed`, or `problem`), `confirmed`, `failed`: an item that fails throws nothing */
    public function send(?string $idempotencyKey = null): array
    {
        $data = '{"items":[' . implode(',', $this->items->taken()) . ']}';
        return $this->client->attempt('/v1/batch', $data, 5, $idempotencyKey);
    }
}

/** @internal */
final class Collector implements Sink
{
    private array $items = [];

    public function call(string $path, array $body, float $wait, ?string $key): array
    {
        if ($path !== '/v1/emit' || isset($body['ack']) || $key !== null) {
            throw new \InvalidArgumentException('a batch takes emits alone, without acknowledgements or keys of their own');
        }
        $this->items[] = Binary::encoded($body);
        return ['status' => 'collected'];
    }

    public function taken(): array
    {
        [$items, $this->items] = [$this->items, []];
        return $items;
    }
}

/** @internal Attempts, over a connection that is kept. */
final class Client implements Sink
{
    private const MOST_READ = 64 << 20; // bytes of an answer
    private const LONGEST_PAUSE = 2.0; // seconds, unless `Retry-After` says more

    private readonly string $address;
    private readonly string $host;
    private readonly string $path;
    /** @var resource|null */
    private $kept = null;
    private ?int $owner = null;
    private string $buffer = ''; // what has come and is not read

    public function __construct(
        string $url,
        #[\SensitiveParameter] private readonly ?string $key,
        private readonly float $timeout,
        private readonly float $retryFor,
        private readonly array $ssl,
    ) {
        $parts = parse_url($url);
        if (!in_array($parts['scheme'] ?? '', ['http', 'https'], true) || !isset($parts['host'])) {
            throw new \InvalidArgumentException("not the URL of a gateway: $url");
        }
        if ($key !== null) {
            self::field($key);
        }
        $secure = $parts['scheme'] === 'https';
        $port = $parts['port'] ?? ($secure ? 443 : 80);
        $this->address = ($secure ? 'tls' : 'tcp') . "://{$parts['host']}:$port";
        $this->host = $parts['host'] . (isset($parts['port']) ? ":$port" : '');
        $this->path = rtrim($parts['path'] ?? '', '/');
    }

    public function call(string $path, array $body, float $wait, ?string $key): array
    {
        return $this->attempt($path, Binary::encoded($body), $wait, $key);
    }

    public function attempt(string $path, string $data, float $wait, ?string $key): array
    {
        // Questions do nothing: asked again, they are answered anew.
        $once = preg_match('#/(query|counts)$#', $path) ? '' : 'Idempotency-Key: ' . self::field($key ?? bin2hex(random_bytes(16))) . "\r\n";
        $end = microtime(true) + $this->retryFor;
        $unsettled = false; // an attempt was lost: it may have got through
        for ($attempt = 0; ; $attempt++) {
            $pause = min(0.1 * 2 ** min($attempt, 10), self::LONGEST_PAUSE) * random_int(500, 1000) / 1000;
            try {
                [$status, $fields, $answer] = $this->exchange($path, $data, $once, $this->timeout + $wait);
                if ($status >= 200 && $status < 300 && self::isAnswer($path, $answer)) {
                    return $answer;
                }
                $results = $path === '/v1/batch' && self::areResults($answer['results'] ?? null) ? $answer['results'] : null;
                if ($results !== null && array_filter($results, fn ($result) => !($result['problem']['retryable'] ?? false))) {
                    return $answer;
                }
                $problem = self::problem($results[0]['problem'] ?? $answer);
                if ($problem !== null) {
                    $error = new GatewayError($status, $problem['code'], $problem['detail'], $problem);
                    $again = $error->retryable;
                } else { // of something between, which may have passed it on
                    $error = new GatewayError($status, 'bad_answer', "the status is $status");
                    $again = in_array($status, [408, 429, 502, 503, 504], true);
                    $unsettled = $unsettled || $again || $status >= 500 || $status < 400;
                }
                $unsettled = $unsettled || $error->problem === 'idempotency_key_in_flight';
                $pause = ctype_digit($fields['retry-after'] ?? '') ? max($pause, (float) $fields['retry-after']) : $pause;
            } catch (Lost $lost) {
                $unsettled = $unsettled || $lost->sent;
                $again = $lost->again;
                $error = new GatewayError(null, 'no_answer', $lost->getMessage(), ['retryable' => $again]);
            }
            if (!$again || microtime(true) + $pause > $end) {
                if ($unsettled) {
                    [$error->outcome, $error->retryable] = ['unknown', false];
                }
                throw $error;
            }
            usleep((int) ($pause * 1e6));
        }
    }

    /** The gateway's own word that something failed. What stands between has codes, too, which mean nothing here. */
    private static function problem(mixed $answer): ?array
    {
        if (!is_array($answer)) {
            return null;
        }
        foreach (['type', 'code', 'detail'] as $name) {
            if (!is_string($answer[$name] ?? null)) {
                return null;
            }
        }
        $errors = $answer['errors'] ?? [];
        $isOurs = str_starts_with($answer['type'], '/problems#') && is_bool($answer['retryable'] ?? null);
        $isWhole = ($answer['outcome'] ?? 'unknown') === 'unknown' && is_string($answer['requestId'] ?? '') && is_array($errors);
        return $isOurs && $isWhole && array_filter($errors, is_array(...)) === $errors ? $answer : null;
    }

    private static function areResults(mixed $results): bool
    {
        if (!is_array($results) || !array_is_list($results) || $results === []) {
            return false;
        }
        foreach ($results as $result) {
            if (!is_int($result['status'] ?? null) || (isset($result['problem']) && self::problem($result['problem']) === null)) {
                return false;
            }
        }
        return true;
    }

    /** Whether it has what an answer of the gateway there always has: what stands between says 200, too. */
    private static function isAnswer(string $path, ?array $answer): bool
    {
        return $answer !== null && match ($path) {
            '/v1/batch' => self::areResults($answer['results'] ?? null),
            '/v1/counts' => array_key_exists('sockets', $answer),
            '/v1/sockets/query' => is_array($answer['sockets'] ?? null) && is_bool($answer['complete'] ?? null)
                && array_key_exists('servers', $answer) && array_key_exists('nextCursor', $answer) && is_string($answer['nextCursor'] ?? ''),
            '/v1/servers/emit' => is_string($answer['status'] ?? null) || is_array($answer['responses'] ?? null),
            default => is_string($answer['status'] ?? null),
        };
    }

    /** @return array{int, array<string, string>, ?array} the status, the header's fields in lower case, and what was answered in JSON */
    private function exchange(string $path, string $data, string $once, float $timeout): array
    {
        $connection = $this->kept() ?? $this->opened();
        $this->buffer = '';
        $this->kept = null; // an answer to nobody would be the next one's
        $deadline = microtime(true) + $timeout;
        $head = "POST {$this->path}$path HTTP/1.1\r\nHost: {$this->host}\r\nContent-Type: application/json\r\n"
            . 'Content-Length: ' . strlen($data) . "\r\nUser-Agent: socketio-gateway-emitter-php/" . Gateway::VERSION . "\r\n$once"
            . ($this->key === null ? '' : 'Authorization: Bearer ' . self::field($this->key) . "\r\n") . "\r\n";
        for ($rest = $head . $data; $rest !== ''; $rest = substr($rest, $written)) {
            $this->limit($connection, $deadline);
            $written = @fwrite($connection, $rest);
            if ($written === false || $written === 0) {
                throw new Lost('the connection was lost while the request was sent', true);
            }
        }
        do { // what is 1xx is followed by the answer
            $status = preg_match('#^HTTP/1\.[01] (\d{3})#', $this->line($connection, $deadline), $match) ? (int) $match[1] : 0;
            $fields = [];
            while (($line = $this->line($connection, $deadline)) !== '') {
                [$name, $value] = explode(':', $line, 2) + [1 => ''];
                $fields[strtolower($name)] = trim($value);
            }
        } while ($status >= 100 && $status < 200);
        if (strtolower($fields['transfer-encoding'] ?? '') === 'chunked') {
            for ($text = ''; ($size = self::size($this->line($connection, $deadline))) > 0;) {
                if (strlen($text) + $size > self::MOST_READ) {
                    return [$status, $fields, null];
                }
                $text .= $this->bytes($connection, $size, $deadline);
                $this->line($connection, $deadline);
            }
            while ($this->line($connection, $deadline) !== '') {
            }
        } elseif (ctype_digit($fields['content-length'] ?? '')) {
            if ((float) $fields['content-length'] > self::MOST_READ) {
                return [$status, $fields, null];
            }
            $text = $this->bytes($connection, (int) $fields['content-length'], $deadline);
        } else {
            throw new Lost('the answer has no length', true);
        }
        if (strtolower($fields['connection'] ?? '') !== 'close' && $this->buffer === '') {
            [$this->kept, $this->owner] = [$connection, getmypid()];
        }
        $answer = json_decode($text, true);
        return [$status, $fields, is_array($answer) ? $answer : null];
    }

    /** @return resource|null the connection of the last call, if it is still there */
    private function kept()
    {
        if ($this->kept === null || $this->owner !== getmypid()) { // after a fork it is the parent's
            return $this->kept = null;
        }
        [$read, $write, $except] = [[$this->kept], null, null];
        return @stream_select($read, $write, $except, 0) === 0 ? $this->kept : null; // nothing is awaited: it is the end
    }

    /** @return resource */
    private function opened()
    {
        $context = stream_context_create(['ssl' => $this->ssl, 'socket' => ['tcp_nodelay' => true]]);
        $said = []; // of several warnings, TLS has the first
        set_error_handler(function (int $number, string $message) use (&$said) {
            $said[] = $message;
            return true;
        });
        try {
            $connection = stream_socket_client($this->address, $number, $reason, $this->timeout, STREAM_CLIENT_CONNECT, $context);
        } finally {
            restore_error_handler();
        }
        if ($connection === false) {
            $reason = $said[0] ?? $reason;
            // What is not trusted now will not be by waiting. (PHP says it when a name is another's, too.)
            throw new Lost("there is no connection to the gateway: $reason", false, !str_contains($reason, 'certificate'));
        }
        return $connection;
    }

    /** How many bytes follow, which a chunk's first line says. */
    private static function size(string $line): int
    {
        $digits = trim(explode(';', $line, 2)[0]);
        if (!ctype_xdigit($digits)) {
            throw new Lost('the answer has no length', true);
        }
        return (int) min(hexdec($digits), self::MOST_READ + 1);
    }

    /** A line of the head, without its end. */
    private function line($connection, float $deadline): string
    {
        while (($end = strpos($this->buffer, "\n")) === false) {
            if (strlen($this->buffer) > 1 << 16) {
                throw new Lost('the answer has a line without end', true);
            }
            $this->more($connection, $deadline);
        }
        return rtrim($this->taken($end + 1), "\r\n");
    }

    private function bytes($connection, int $count, float $deadline): string
    {
        while (strlen($this->buffer) < $count) {
            $this->more($connection, $deadline);
        }
        return $this->taken($count);
    }

    private function taken(int $count): string
    {
        $text = substr($this->buffer, 0, $count);
        $this->buffer = substr($this->buffer, $count);
        return $text;
    }

    private function more($connection, float $deadline): void
    {
        $this->limit($connection, $deadline);
        $part = @fread($connection, 1 << 16); // what is there, at most that
        if ($part === false || $part === '') {
            throw $this->lost($connection);
        }
        $this->buffer .= $part;
    }

    /** PHP's own limit is for each read. */
    private function limit($connection, float $deadline): void
    {
        $left = $deadline - microtime(true);
        if ($left <= 0) {
            throw new Lost('there was no answer in time', true);
        }
        stream_set_timeout($connection, (int) $left, max((int) (fmod($left, 1) * 1e6), 1000));
    }

    private function lost($connection): Lost
    {
        $late = stream_get_meta_data($connection)['timed_out'];
        return new Lost($late ? 'there was no answer in time' : 'the connection was lost', true);
    }

    /** What is no value of a header would be one of its own. A message does not say it: it may be a secret. */
    private static function field(#[\SensitiveParameter] string $value): string
    {
        if (preg_match('/^$|[^ -~]|^ | $/D', $value)) {
            throw new \InvalidArgumentException('a key is printable ASCII, is not empty, and has no spaces or line ends around it');
        }
        return $value;
    }
}

/** @internal */
final class Lost extends \RuntimeException
{
    public function __construct(string $message, public readonly bool $sent, public readonly bool $again = true)
    {
        parent::__construct($message);
    }
}
