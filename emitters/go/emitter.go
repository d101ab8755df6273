// Package emitter emits Socket.IO events through socketio-gateway. One file, nothing but Go's own library.
//
//	gateway, err := emitter.New("http://127.0.0.1:8080", emitter.Key("…"))
//	_, err = gateway.To("room").Except("other").Emit(ctx, "event", map[string]any{"id": 42})
//
// What an answer and an error hold is the gateway's contract: GET /openapi.yaml, GET /problems.
package emitter

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	version      = "0.2.0"
	longestPause = 2 * time.Second // unless Retry-After says more
	mostRead     = 64 << 20        // bytes of an answer
	questionTime = 5 * time.Second // the gateway's own limit for the servers' answers
)

// Error says that what was asked for was not done, or that nobody knows whether it was.
type Error struct {
	Status    int          `json:"status"` // the HTTP status; 0 without an answer
	Code      string       `json:"code"`   // one of the gateway's; no_answer, bad_answer (of something between, say), or incomplete
	Detail    string       `json:"detail"`
	Outcome   string       `json:"outcome"`   // "unknown": it may have been done all the same. Otherwise "", and nothing was done
	Retryable bool         `json:"retryable"` // the same may succeed later, and nothing was done
	Errors    []FieldError `json:"errors"`
	RequestID string       `json:"requestId"`
	cause     error
}

// FieldError is a fault in what was sent, and its place there.
type FieldError struct {
	Pointer   string `json:"pointer,omitempty"`
	Parameter string `json:"parameter,omitempty"`
	Detail    string `json:"detail"`
}

func (e *Error) Error() string { return "socketio-gateway: " + e.Code + ": " + e.Detail }

// Unwrap gives the error of the connection, or of the context, if that was it.
func (e *Error) Unwrap() error { return e.cause }

// Answer is what became of an emit.
type Answer struct {
	ID         string           `json:"id"`
	Status     string           `json:"status"`
	Routed     *bool            `json:"routed"` // whether a server was there to take it; nil where the wire format cannot tell
	Reason     string           `json:"reason"` // why it was not routed
	Recipients *int             `json:"recipients"`
	Acks       *Acknowledgement `json:"acks"`
	Servers    *Servers         `json:"servers"`
}

// Acknowledgement holds the arguments of each client's acknowledgement.
type Acknowledgement struct {
	Expected  *int                `json:"expected"`
	Received  int                 `json:"received"`
	Complete  *bool               `json:"complete"`
	Responses [][]json.RawMessage `json:"responses"`
}

// Servers says how many were asked, and which have not answered.
type Servers struct {
	Expected  int      `json:"expected"`
	Responded int      `json:"responded"`
	Missing   []string `json:"missing"`
	TooLarge  []string `json:"tooLarge"`
}

// DryRun is what an emit would have done.
type DryRun struct {
	Exchange    string   `json:"exchange"`
	Exists      bool     `json:"exists"`
	RoutingKeys []string `json:"routingKeys"`
	Recipients  *int     `json:"recipients"`
	Servers     *Servers `json:"servers"`
}

// ServerAnswers are those to ServerSideEmitWithAck.
type ServerAnswers struct {
	Responses []struct {
		Server string          `json:"server"`
		Value  json.RawMessage `json:"value"`
	} `json:"responses"`
	Complete bool     `json:"complete"`
	Servers  *Servers `json:"servers"`
}

// Changed says to how many sockets it was done; nil if a server did not say.
type Changed struct {
	Status   string   `json:"status"`
	Matched  *int     `json:"matched"`
	Complete bool     `json:"complete"`
	Servers  *Servers `json:"servers"`
}

// Socket is one of FetchSockets. A room is a string or a number.
type Socket struct {
	ID     string            `json:"id"`
	Rooms  []json.RawMessage `json:"rooms"`
	Data   json.RawMessage   `json:"data"`
	Server string            `json:"server"`
}

// Counts are the numbers of sockets: in the namespace, in rooms, and in rooms that are numbers, by their digits.
type Counts struct {
	Sockets  *int           `json:"sockets"`
	Rooms    map[string]int `json:"rooms"`
	Numbers  map[string]int `json:"numbers,omitempty"`
	Complete bool           `json:"complete"`
	Servers  *Servers       `json:"servers"`
}

// Result is what became of an item of a batch: Problem is nil if it was confirmed.
type Result struct {
	Status  int    `json:"status"`
	ID      string `json:"id,omitempty"`
	Routed  *bool  `json:"routed,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Problem *Error `json:"problem,omitempty"`
}

// BatchAnswer has a result for each item, in their order.
type BatchAnswer struct {
	Results   []Result `json:"results"`
	Confirmed int      `json:"confirmed"`
	Failed    int      `json:"failed"`
}

// Binary arrives as bytes, wherever it stands in the arguments; a []byte is base64, as ever in Go. It means something in an emitter's arguments alone.
type Binary []byte

// A key that no data has: it tells these bytes from data with a key "$binary".
var mark = "$binary-" + random()

// MarshalJSON is for the emitter.
func (b Binary) MarshalJSON() ([]byte, error) {
	return []byte(`{"` + mark + `":"` + base64.StdEncoding.EncodeToString(b) + `"}`), nil
}

// Emitter says whom it is for, and how. Every call that narrows it gives a new one, so one may be kept and used again, by goroutines, too.
type Emitter struct {
	client *client
	fields map[string]any
	wait   time.Duration
	mode   string
	key    *string
}

// Of is for the sockets of a namespace.
func (e Emitter) Of(namespace string) Emitter { return e.with("namespace", namespace) }

// To is for the union of these rooms and those before. A room is a string or an integer, which is another room than its digits; a socket's id
// is a room, too. No room at all is refused by the gateway.
func (e Emitter) To(rooms ...any) Emitter { return e.more("rooms", rooms) }

// In is To.
func (e Emitter) In(rooms ...any) Emitter { return e.To(rooms...) }

// Except leaves out those in these rooms.
func (e Emitter) Except(rooms ...any) Emitter { return e.more("except", rooms) }

// ExceptSockets is for servers that can leave out sockets, but no rooms.
func (e Emitter) ExceptSockets(ids ...string) Emitter {
	names := make([]any, len(ids))
	for i, id := range ids {
		names[i] = id
	}
	return e.more("exceptSockets", names)
}

// Volatile is for clients that are ready to receive it.
func (e Emitter) Volatile() Emitter { return e.with("volatile", true) }

// Compress says whether the servers compress it.
func (e Emitter) Compress(compress bool) Emitter { return e.with("compress", compress) }

// Unconfirmed is answered before RabbitMQ has it: it may get lost.
func (e Emitter) Unconfirmed() Emitter { return e.with("confirm", "none") }

// Timeout is how long acknowledgements, and the answers to ServerSideEmitWithAck, are waited for: 5 s unless it is said.
func (e Emitter) Timeout(wait time.Duration) Emitter {
	e.wait = wait
	return e
}

// First is content with one acknowledgement.
func (e Emitter) First() Emitter {
	e.mode = "first"
	return e
}

// IdempotencyKey is for one emit that this program may repeat by itself, after a crash, say. Without it each emit makes its own.
func (e Emitter) IdempotencyKey(key string) Emitter {
	e.key = &key
	return e
}

// Emit returns when RabbitMQ has confirmed the event.
func (e Emitter) Emit(ctx context.Context, event string, args ...any) (*Answer, error) {
	return call[Answer](ctx, e, "/v1/emit", e.event(event, args), 0)
}

// EmitWithAck returns when the clients have acknowledged the event.
func (e Emitter) EmitWithAck(ctx context.Context, event string, args ...any) (*Answer, error) {
	ack := map[string]any{"mode": e.mode, "timeoutMs": e.wait.Milliseconds()}
	return call[Answer](ctx, e, "/v1/emit", e.with("ack", ack).event(event, args), e.wait)
}

// DryRun checks an emit, and publishes nothing.
func (e Emitter) DryRun(ctx context.Context, event string, args ...any) (*DryRun, error) {
	return call[DryRun](ctx, e, "/v1/emit", e.with("dryRun", true).event(event, args), questionTime)
}

// ServerSideEmit is an event for the servers themselves.
func (e Emitter) ServerSideEmit(ctx context.Context, event string, args ...any) (*Answer, error) {
	return call[Answer](ctx, e, "/v1/servers/emit", e.event(event, args), 0)
}

// ServerSideEmitWithAck returns the servers' answers.
func (e Emitter) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) (*ServerAnswers, error) {
	ack := map[string]any{"timeoutMs": e.wait.Milliseconds()}
	return call[ServerAnswers](ctx, e, "/v1/servers/emit", e.with("ack", ack).event(event, args), e.wait)
}

// SocketsJoin lets every socket in the emitter's rooms (without any: every socket) join these rooms.
func (e Emitter) SocketsJoin(ctx context.Context, rooms ...any) (*Changed, error) {
	return call[Changed](ctx, e, "/v1/sockets/join", e.selection().with("rooms", rooms).fields, questionTime)
}

// SocketsLeave lets them leave these rooms.
func (e Emitter) SocketsLeave(ctx context.Context, rooms ...any) (*Changed, error) {
	return call[Changed](ctx, e, "/v1/sockets/leave", e.selection().with("rooms", rooms).fields, questionTime)
}

// DisconnectSockets ends, with close, their connections in all namespaces.
func (e Emitter) DisconnectSockets(ctx context.Context, close bool) (*Changed, error) {
	return call[Changed](ctx, e, "/v1/sockets/disconnect", e.selection().with("close", close).fields, questionTime)
}

// FetchSockets gives all of them; if a server has not answered, the Error "incomplete".
func (e Emitter) FetchSockets(ctx context.Context) ([]Socket, error) {
	var sockets []Socket
	for {
		page, err := call[struct {
			Sockets    []Socket
			NextCursor *string
			Complete   bool
			Servers    Servers
		}](ctx, e, "/v1/sockets/query", e.fields, questionTime)
		if err != nil {
			return nil, err
		}
		if !page.Complete {
			return nil, &Error{Status: 200, Code: "incomplete", Detail: fmt.Sprintf("not all servers have answered: %+v", page.Servers), Retryable: true}
		}
		sockets = append(sockets, page.Sockets...)
		if page.NextCursor == nil {
			return sockets, nil
		}
		e = e.with("cursor", *page.NextCursor)
	}
}

// Counts says how many sockets the namespace has, and each of the emitter's rooms.
func (e Emitter) Counts(ctx context.Context) (*Counts, error) {
	return call[Counts](ctx, e, "/v1/counts", e.fields, questionTime)
}

func (e Emitter) with(name string, value any) Emitter {
	fields := map[string]any{name: value}
	for other, value := range e.fields {
		if other != name {
			fields[other] = value
		}
	}
	e.fields = fields
	return e
}

func (e Emitter) more(name string, names []any) Emitter {
	before, _ := e.fields[name].([]any)
	return e.with(name, append(append([]any{}, before...), names...))
}

func (e Emitter) event(event string, args []any) map[string]any {
	if args == nil {
		args = []any{}
	}
	return e.with("event", event).with("args", args).fields
}

// What does not fit, Volatile or so, is passed on all the same: the gateway refuses it.
func (e Emitter) selection() Emitter {
	rooms, some := e.fields["rooms"]
	if !some {
		return e.with("all", true)
	}
	e = e.with("in", rooms)
	delete(e.fields, "rooms") // of the copy
	return e
}

// Gateway is the gateway at a URL. It keeps its connections, and may be used by many goroutines.
type Gateway struct{ Emitter }

// Option is one of New's.
type Option func(*client)

// Key is the API key.
func Key(key string) Option { return func(c *client) { c.key = &key } }

// Timeout is for an answer, on top of what the servers are given: 10 s unless it is said.
func Timeout(timeout time.Duration) Option { return func(c *client) { c.timeout = timeout } }

// RetryFor is the time in which an attempt that failed is followed by another, with the same Idempotency-Key: a lost connection, and what the
// gateway says may be sent again. What has an unknown outcome for the gateway, too, is not. 30 s unless it is said.
func RetryFor(limit time.Duration) Option { return func(c *client) { c.retryFor = limit } }

// HTTPClient is for certificates, proxies and the like. Its CheckRedirect is not used: no redirection is followed.
func HTTPClient(http *http.Client) Option { return func(c *client) { c.http = *http } }

// New asks nobody yet: it fails only if that is no URL, or the key is none.
func New(address string, options ...Option) (*Gateway, error) {
	base, err := url.Parse(address)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("socketio-gateway: not the URL of a gateway: %q", address)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	c := &client{url: strings.TrimRight(address, "/"), timeout: 10 * time.Second, retryFor: 30 * time.Second}
	c.http.Transport = transport
	for _, option := range options {
		option(c)
	}
	// It would make a GET of a POST, or give the key to somebody else.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.key != nil && !isKey(*c.key) {
		return nil, errNoKey
	}
	return &Gateway{Emitter{client: c, wait: questionTime, mode: "all"}}, nil
}

// Batch is many emits that are sent together, in their order.
type Batch struct{ items [][]byte }

// Add takes an emit; it fails if the arguments are no JSON.
func (b *Batch) Add(e Emitter, event string, args ...any) error {
	if e.key != nil {
		return errors.New("socketio-gateway: an item of a batch has no Idempotency-Key of its own")
	}
	item, err := encoded(e.event(event, args))
	if err == nil {
		b.items = append(b.items, item)
	}
	return err
}

// Send sends what was added. An item that fails is no error: see Failed. Under the IdempotencyKey of an emitter, the batch may be sent again.
func (g *Gateway) Send(ctx context.Context, b *Batch) (*BatchAnswer, error) {
	data := append(append([]byte(`{"items":[`), bytes.Join(b.items, []byte(","))...), "]}"...)
	return attempts[BatchAnswer](ctx, g.Emitter, "/v1/batch", data, questionTime)
}

type client struct {
	http              http.Client
	url               string
	key               *string
	timeout, retryFor time.Duration
}

func call[T any](ctx context.Context, e Emitter, path string, fields map[string]any, wait time.Duration) (*T, error) {
	data, err := encoded(fields)
	if err != nil {
		return nil, err
	}
	return attempts[T](ctx, e, path, data, wait)
}

func attempts[T any](ctx context.Context, e Emitter, path string, data []byte, wait time.Duration) (*T, error) {
	c, key := e.client, e.key
	switch { // questions do nothing: asked again, they are answered anew
	case strings.HasSuffix(path, "/query") || strings.HasSuffix(path, "/counts"):
		key = nil
	case key == nil:
		made := random()
		key = &made
	}
	if key != nil && !isKey(*key) {
		return nil, errNoKey
	}
	end := time.Now().Add(c.retryFor)
	unsettled := false // an attempt was lost: it may have got through
	for pause := 100 * time.Millisecond; ; pause = shorter(2*pause, longestPause) {
		chance, _ := strconv.ParseInt(random()[:4], 16, 64)
		rest := pause/2 + pause/2*time.Duration(chance)/0x10000
		var failure *Error
		again := true
		response, body, sent, err := c.exchange(ctx, path, key, data, c.timeout+wait)
		if err != nil {
			unsettled = unsettled || sent
			again = !isOfCertificate(err)
			failure = &Error{Code: "no_answer", Detail: err.Error(), Retryable: again, cause: err}
		} else {
			answer := new(T)
			if response.StatusCode/100 == 2 && isAnswer(path, body) && json.Unmarshal(body, answer) == nil {
				return answer, nil
			}
			if problems := problemsOf(body); path == "/v1/batch" && problems != nil && json.Unmarshal(body, answer) == nil {
				for _, problem := range problems {
					if problem == nil || !problem.Retryable {
						return answer, nil
					}
				}
				failure = problems[0]
			} else {
				failure = problem(response.StatusCode, body)
			}
			if failure != nil {
				again = failure.Retryable
			} else { // of something between, which may have passed it on
				failure = &Error{Status: response.StatusCode, Code: "bad_answer", Detail: fmt.Sprintf("the status is %d", response.StatusCode)}
				again = strings.Contains(" 408 429 502 503 504 ", fmt.Sprintf(" %d ", response.StatusCode))
				unsettled = unsettled || again || response.StatusCode >= 500 || response.StatusCode < 400
			}
			unsettled = unsettled || failure.Code == "idempotency_key_in_flight"
			if seconds, err := strconv.ParseUint(response.Header.Get("Retry-After"), 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
				rest = longer(rest, time.Duration(seconds)*time.Second)
			}
		}
		if again && ctx.Err() == nil && !time.Now().Add(rest).After(end) {
			timer := time.NewTimer(rest)
			select {
			case <-timer.C:
				continue
			case <-ctx.Done():
				timer.Stop()
				failure.cause = ctx.Err()
			}
		}
		if unsettled {
			failure.Outcome, failure.Retryable = "unknown", false
		}
		return nil, failure
	}
}

// exchange gives the answer, and whether the gateway may have got the request.
func (c *client) exchange(ctx context.Context, path string, key *string, data []byte, timeout time.Duration) (*http.Response, []byte, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, bytes.NewReader(data))
	if err != nil {
		return nil, nil, false, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "socketio-gateway-emitter-go/"+version)
	if key != nil {
		request.Header.Set("Idempotency-Key", *key)
	}
	if c.key != nil {
		request.Header.Set("Authorization", "Bearer "+*c.key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, nil, sent.Load(), err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostRead+1))
	if len(body) > mostRead {
		body = nil
	}
	return response, body, true, err
}

// problem gives the gateway's own word that something failed. What stands between has codes, too, which mean nothing here: nil.
func problem(status int, body []byte) *Error {
	var said struct {
		Type      *string      `json:"type"`
		Code      *string      `json:"code"`
		Detail    *string      `json:"detail"`
		Retryable *bool        `json:"retryable"`
		Outcome   *string      `json:"outcome"`
		RequestID string       `json:"requestId"`
		Errors    []FieldError `json:"errors"`
	}
	if json.Unmarshal(body, &said) != nil || said.Type == nil || said.Code == nil || said.Detail == nil || said.Retryable == nil {
		return nil
	}
	failure := &Error{Status: status, Code: *said.Code, Detail: *said.Detail, Retryable: *said.Retryable, Errors: said.Errors, RequestID: said.RequestID}
	if said.Outcome != nil {
		failure.Outcome = *said.Outcome
	}
	if !strings.HasPrefix(*said.Type, "/problems#") || (failure.Outcome != "" && failure.Outcome != "unknown") {
		return nil
	}
	return failure
}

// problemsOf gives of each item of a batch what failed, if anything; nil if that is no answer to a batch.
func problemsOf(body []byte) []*Error {
	var said struct {
		Results []struct {
			Status  *int            `json:"status"`
			Problem json.RawMessage `json:"problem"`
		} `json:"results"`
	}
	if json.Unmarshal(body, &said) != nil {
		return nil
	}
	var problems []*Error
	for _, result := range said.Results {
		if result.Status == nil {
			return nil
		}
		var failure *Error
		if result.Problem != nil {
			if failure = problem(*result.Status, result.Problem); failure == nil {
				return nil
			}
		}
		problems = append(problems, failure)
	}
	return problems
}

// isAnswer says whether it has what an answer of the gateway there always has: what stands between says 200, too.
func isAnswer(path string, body []byte) bool {
	var said map[string]json.RawMessage
	if json.Unmarshal(body, &said) != nil {
		return false
	}
	has := func(name, starts string) bool {
		return len(said[name]) > 0 && strings.ContainsRune(starts, rune(said[name][0]))
	}
	switch path {
	case "/v1/batch":
		return problemsOf(body) != nil
	case "/v1/counts":
		return said["sockets"] != nil
	case "/v1/sockets/query":
		return has("sockets", "[") && has("complete", "tf") && has("nextCursor", `n"`)
	case "/v1/servers/emit":
		return has("status", `"`) || has("responses", "[")
	}
	return has("status", `"`)
}

// encoded gives the fields as JSON, with {"$binary": …} for bytes wherever they stand; "binary" is then set.
func encoded(fields map[string]any) ([]byte, error) {
	if fields == nil {
		return []byte("{}"), nil
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(fields); err != nil {
		return nil, fmt.Errorf("socketio-gateway: cannot be sent as JSON: %w", err)
	}
	text := bytes.TrimRight(buffer.Bytes(), "\n")
	ours := []byte(`"` + mark + `":`)
	if !bytes.Contains(text, ours) {
		return text, nil
	}
	if bytes.Contains(text, []byte(`"$binary":`)) {
		return nil, errors.New(`socketio-gateway: data with a key "$binary" cannot go beside bytes`)
	}
	text = bytes.ReplaceAll(text, ours, []byte(`"$binary":`))
	return append(text[:len(text)-1], `,"binary":true}`...), nil
}

func isOfCertificate(err error) bool {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// Not which: it may be a secret.
var errNoKey = errors.New("socketio-gateway: a key is printable ASCII, is not empty, and has no spaces or line ends around it")

func isKey(key string) bool {
	return key != "" && strings.TrimSpace(key) == key && strings.IndexFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

func random() string {
	var bytes [16]byte
	if _, err := rand.Read(bytes[:]); err != nil {
		panic(err) // without it no key can be made
	}
	return hex.EncodeToString(bytes[:])
}

func longer(a, b time.Duration) time.Duration {
	if a > b {
		return a
	}
	return b
}

func shorter(a, b time.Duration) time.Duration {
	if a < b {
		return a
	}
	return b
}
