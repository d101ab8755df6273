// Runs one scenario against the gateway of the environment and prints what came of it as JSON: Tests/EndToEnd/emitters judges.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"math"
	"net/http"
	"os"
	"time"

	"socketio-gateway/emitter"
)

var ctx = context.Background()
var gateway = connected()

func seconds(name string) time.Duration {
	value, err := time.ParseDuration(os.Getenv(name) + "s")
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func connected(more ...emitter.Option) *emitter.Gateway {
	options := []emitter.Option{emitter.Key(os.Getenv("KEY")), emitter.Timeout(seconds("TIMEOUT")), emitter.RetryFor(seconds("RETRY_FOR"))}
	gateway, err := emitter.New(os.Getenv("URL"), append(options, more...)...)
	if err != nil {
		log.Fatal(err)
	}
	return gateway
}

// attempt gives the answer, or the error as the judge reads it.
func attempt[T any](answer T, err error) any {
	var failure *emitter.Error
	switch {
	case err == nil:
		return answer
	case !errors.As(err, &failure):
		log.Fatal(err)
	}
	return map[string]any{"error": map[string]any{
		"status": orNil(failure.Status), "code": failure.Code, "outcome": orNil(failure.Outcome), "retryable": failure.Retryable, "places": failure.Errors,
	}}
}

func orNil[T comparable](value T) any {
	if value == *new(T) {
		return nil
	}
	return value
}

func must[T any](answer T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return answer
}

func once() any {
	return attempt(gateway.To("room").Emit(ctx, "once", map[string]int{"id": 42}))
}

func ownClient() any {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	return attempt(connected(emitter.HTTPClient(client)).To("room").Emit(ctx, "once", map[string]int{"id": 42}))
}

func added(batch *emitter.Batch, e emitter.Emitter, event string, args ...any) {
	if err := batch.Add(e, event, args...); err != nil {
		log.Fatal(err)
	}
}

func batch() any {
	var batch emitter.Batch
	added(&batch, gateway.To("a"), "first", 1)
	added(&batch, gateway.To("b"), "second", emitter.Binary("\x00\xff"))
	added(&batch, gateway.Emitter, "")
	return attempt(gateway.Send(ctx, &batch))
}

func validBatch() any {
	var batch emitter.Batch
	added(&batch, gateway.Emitter, "first", 1)
	added(&batch, gateway.Emitter, "second", 2)
	return attempt(gateway.Send(ctx, &batch))
}

type union struct {
	Z *int   `json:"z"`
	A string `json:"a"`
}

func emits() any {
	room := gateway.To("a") // may be used again
	must(room.To("b").Emit(ctx, "union", 0.1, union{A: "ä"}))
	must(room.Emit(ctx, "room"))
	must(gateway.Except("b").Emit(ctx, "except"))
	must(gateway.ExceptSockets("sid").Emit(ctx, "sockets"))
	must(gateway.Volatile().Compress(false).Emit(ctx, "flags"))
	must(gateway.Of("/chat").In(7).Emit(ctx, "number"))
	must(gateway.Emit(ctx, "bytes", map[string]any{"deep": []any{emitter.Binary("\x00\xff")}}, emitter.Binary("")))
	unconfirmed := must(gateway.Unconfirmed().Emit(ctx, "unconfirmed"))
	must(gateway.DryRun(ctx, "dry"))
	return []any{unconfirmed, map[string]string{"status": "dryRun"}, attempt(gateway.To().Emit(ctx, "nobody"))}
}

func questions() any {
	acks := must(gateway.To("a").Timeout(20*time.Second).EmitWithAck(ctx, "q", 1)).Acks
	first := must(gateway.First().Timeout(20*time.Second).EmitWithAck(ctx, "q")).Acks.Complete
	joined := must(gateway.In("a").Except("b").SocketsJoin(ctx, "c", 7)).Matched
	counts := must(gateway.In("c", 7, "a").Counts(ctx))
	left := must(gateway.In("c").SocketsLeave(ctx, "a")).Matched
	fetched := must(gateway.In("c").FetchSockets(ctx))
	sockets := []map[string]any{}
	for _, socket := range fetched {
		sockets = append(sockets, map[string]any{"id": socket.ID, "rooms": socket.Rooms})
	}
	told := must(gateway.ServerSideEmit(ctx, "tell", 1)).Status
	answers := must(gateway.Timeout(20*time.Second).ServerSideEmitWithAck(ctx, "sum", 2, 3)).Responses
	asked := []json.RawMessage{}
	for _, answer := range answers {
		asked = append(asked, answer.Value)
	}
	disconnected := must(gateway.In("b").DisconnectSockets(ctx, true)).Matched
	all := must(gateway.Counts(ctx)).Sockets
	refused := attempt(gateway.Volatile().SocketsJoin(ctx, "x"))
	return map[string]any{
		"acks": acks, "first": first, "joined": joined, "counts": counts, "left": left, "fetched": sockets, "told": told, "asked": asked,
		"disconnected": disconnected, "all": all, "refused": refused,
	}
}

func many() any {
	statuses := make(chan string, 100)
	for number := 0; number < cap(statuses); number++ {
		go func(number int) {
			statuses <- must(gateway.Emit(ctx, "n", number)).Status
		}(number)
	}
	all := []string{}
	for len(all) < cap(statuses) {
		all = append(all, <-statuses)
	}
	return all
}

func mistakes() any {
	complains := []bool{}
	for _, data := range []any{math.NaN(), func() {}, []any{emitter.Binary(""), map[string]string{"$binary": ""}}} {
		_, err := gateway.Emit(ctx, "once", data)
		complains = append(complains, err != nil)
	}
	var failure *emitter.Error
	for _, key := range []string{"k\n", ""} {
		_, err := gateway.IdempotencyKey(key).Emit(ctx, "once")
		complains = append(complains, err != nil && !errors.As(err, &failure))
	}
	return append(complains, new(emitter.Batch).Add(gateway.IdempotencyKey("k"), "once") != nil)
}

func keys() any {
	var keys []string
	if err := json.Unmarshal([]byte(os.Getenv("KEY")), &keys); err != nil {
		log.Fatal(err)
	}
	complaints := []any{}
	for _, key := range keys {
		if _, err := emitter.New(os.Getenv("URL"), emitter.Key(key)); err != nil {
			complaints = append(complaints, err.Error())
		} else {
			complaints = append(complaints, nil)
		}
	}
	return complaints
}

func main() {
	scenarios := map[string]func() any{
		"once": once, "batch": batch, "valid_batch": validBatch, "emits": emits, "questions": questions, "mistakes": mistakes,
		"many":       many,
		"keys":       keys,
		"own_client": ownClient,
		"fetched":    func() any { return attempt(gateway.FetchSockets(ctx)) },
		"twice":      func() any { return []any{once(), once()} },
	}
	if err := json.NewEncoder(os.Stdout).Encode(scenarios[os.Args[1]]()); err != nil {
		log.Fatal(err)
	}
}
