package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// rules is a client of the events API: it makes rules with two targets, edits,
// disables and enables them, and deletes them. Each target is a life.
type rules struct {
	lane  *lane
	rand  *rand.Rand
	names int
	lives []*life // pairs: the two targets of a rule
}

var ruleTargets = []string{"first", "second"}

var ruleExpressions = []string{"cron(* * * * ? *)", "cron(0/2 * * * ? *)", "cron(1/3 * * * ? *)"}

func (u *rules) run(ctx context.Context) {
	const most = 4 // rules at a time
	var living [][]*life
	for ctx.Err() == nil {
		switch n := u.rand.IntN(10); {
		case len(living) < most && n < 4 || len(living) == 0:
			if pair := u.create(ctx); pair != nil {
				living = append(living, pair)
			}
		case n < 6 && len(living) == most:
			i := u.rand.IntN(len(living))
			u.delete(ctx, living[i])
			living = append(living[:i], living[i+1:]...)
		default:
			pair := pick(u.rand, living)
			d := *pair[0].def()
			d.note = fmt.Sprintf("r%d", u.rand.Uint64())
			if u.rand.IntN(3) > 0 {
				d.disabled = !d.disabled
			} else {
				d.expression = pick(u.rand, ruleExpressions)
			}
			u.put(ctx, pair, "update", &d)
		}
		u.lane.wait(ctx, 200+u.rand.IntN(2500))
	}
}

// call makes a request until it is answered with success; all of them may be
// made twice. It returns when it was sent first, and false when nobody answered.
func (u *rules) call(ctx context.Context, operation string, body map[string]any) (sent time.Time, ok bool) {
	sent = time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for ctx.Err() == nil && !u.lane.dead.Load() {
		got, err := u.lane.srv.Do(ctx, "events", http.MethodPost, "/", "AWSEvents."+operation, body)
		switch {
		case err == nil && got.Status < 300:
			var failed struct{ FailedEntryCount int }
			if json.Unmarshal(got.Body, &failed) == nil && failed.FailedEntryCount > 0 {
				u.lane.violate("%s failed", operation).add("%s", got.Body)
			}
			u.lane.count("requests answered", 1)
			return sent, true
		case err == nil && (got.Status < 500 || !u.lane.diskFull(sent)):
			u.lane.violate("an answer of %d to %s", got.Status, operation).add("%s", got.Body)
			return sent, false
		}
		u.lane.count("requests unanswered", 1)
		time.Sleep(20 * time.Millisecond)
	}
	return sent, false
}

func (u *rules) create(ctx context.Context) []*life {
	u.names++
	name := fmt.Sprintf("rule%d", u.names)
	d := &definition{note: fmt.Sprintf("r%d", u.rand.Uint64()), expression: pick(u.rand, ruleExpressions), zone: "UTC", target: "queue"}
	if _, ok := u.call(ctx, "PutRule", ruleWire(name, d)); !ok {
		return nil
	}
	var targets []map[string]any
	for _, id := range ruleTargets {
		targets = append(targets, map[string]any{"Id": id, "Arn": u.lane.queueARN("inbox")})
	}
	sent, ok := u.call(ctx, "PutTargets", map[string]any{"Rule": name, "Targets": targets})
	ch := change{op: "create", def: d, sent: sent, done: time.Now(), answered: ok}
	if !ok {
		ch.op += " (outcome unknown)"
	}
	var pair []*life
	for _, id := range ruleTargets {
		pair = append(pair, &life{name: name, target: id, first: true, changes: []change{ch}})
	}
	u.lives = append(u.lives, pair...)
	return pair
}

func ruleWire(name string, d *definition) map[string]any {
	state := "ENABLED"
	if d.disabled {
		state = "DISABLED"
	}
	return map[string]any{"Name": name, "ScheduleExpression": d.expression, "State": state, "Description": d.note}
}

// put changes the rule that the two are targets of.
func (u *rules) put(ctx context.Context, pair []*life, op string, d *definition) {
	sent, ok := u.call(ctx, "PutRule", ruleWire(pair[0].name, d))
	u.note(pair, change{op: op, def: d, sent: sent, done: time.Now(), answered: ok})
}

func (u *rules) delete(ctx context.Context, pair []*life) {
	sent, ok := u.call(ctx, "RemoveTargets", map[string]any{"Rule": pair[0].name, "Ids": ruleTargets})
	u.note(pair, change{op: "delete", sent: sent, done: time.Now(), answered: ok})
	u.call(ctx, "DeleteRule", map[string]any{"Name": pair[0].name})
}

func (u *rules) note(pair []*life, ch change) {
	if !ch.answered {
		ch.op += " (outcome unknown)"
	}
	for _, l := range pair {
		l.changes = append(l.changes, ch)
	}
}
