package target

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-run/belfry"
)

// payloadOf is the input with the context attributes filled in (semantics.md
// 1.11), or the default notification where there is none. Rules have ways of
// their own.
func payloadOf(in *belfry.Invocation) string {
	if in.Rule != "" {
		return rulePayload(in)
	}
	if in.Target.Input == "" {
		// detail is a text, not an object (semantics.md 1.10)
		return notification(in, "aws.scheduler", `"{}"`)
	}
	if !strings.Contains(in.Target.Input, attributePrefix) {
		return in.Target.Input
	}
	return strings.NewReplacer(
		attributePrefix+"schedule-arn>", in.ScheduleARN,
		attributePrefix+"scheduled-time>", in.Time.UTC().Format(time.RFC3339),
		attributePrefix+"execution-id>", in.ExecutionID,
		attributePrefix+"attempt-number>", strconv.Itoa(in.Attempt),
		attributePrefix+"occurrence-id>", in.OccurrenceID(), // Belfry's own
	).Replace(in.Target.Input)
}

const attributePrefix = "<aws.scheduler."

// DeadLetterBody is what a dead-letter queue gets of the attempt: the payload,
// or for a rule the event, whatever its target made of it (semantics.md 2.6).
func DeadLetterBody(in *belfry.Invocation) string {
	if in.Rule != "" {
		return ruleEvent(in)
	}
	return payloadOf(in)
}

// notification is the payload of a schedule without input, and the event of a
// rule. The id stays the same over all attempts.
func notification(in *belfry.Invocation, source, detail string) string {
	var b strings.Builder
	b.Grow(384)
	for _, s := range []string{
		`{"version":"0","id":"`, notificationID(in.OccurrenceID()),
		`","detail-type":"Scheduled Event","source":"`, source, `","account":"`, in.Scope.Account,
		`","time":"`, in.Time.UTC().Format(time.RFC3339), `","region":"`, in.Scope.Region,
		`","resources":["`, in.ScheduleARN, `"],"detail":`, detail, `}`,
	} {
		b.WriteString(s)
	}
	return b.String()
}

// notificationID makes a UUID of version 8 (RFC 9562) from an identity.
func notificationID(identity string) string {
	sum := sha256.Sum256([]byte(identity))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
