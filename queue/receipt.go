package queue

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/belfry-run/belfry"
)

// A receipt is what a receipt handle says: which receive of which message.
// The handle is signed with the queue's secret, so that one from another queue,
// a changed one and garbage are recognised without asking the store.
type receipt struct {
	id       ID
	receives int
	received time.Time // milliseconds
}

const (
	receiptLen = 16 + 4 + 8
	macLen     = 12
)

func (q *Queue) handle(r receipt) string {
	b := make([]byte, 0, receiptLen+sha256.Size)
	b = append(b, r.id[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(r.receives))
	b = binary.BigEndian.AppendUint64(b, uint64(r.received.UnixMilli()))
	b = q.mac(b, b)[:receiptLen+macLen]
	return base64.StdEncoding.EncodeToString(b)
}

// mac appends the signature of body to dst.
func (q *Queue) mac(dst, body []byte) []byte {
	h := hmac.New(sha256.New, q.Secret[:])
	h.Write(body)
	return h.Sum(dst)
}

func (q *Queue) parseHandle(s string) (receipt, error) {
	if s == "" {
		return receipt{}, missing("ReceiptHandle")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != receiptLen+macLen || len(s) != base64.StdEncoding.EncodedLen(len(b)) ||
		!hmac.Equal(b[receiptLen:], q.mac(nil, b[:receiptLen])[:macLen]) {
		return receipt{}, fail(codeHandle, belfry.Invalid, "ReceiptHandle", "The input receipt handle is invalid.")
	}
	return receipt{
		id:       ID(b[:16]),
		receives: int(binary.BigEndian.Uint32(b[16:])),
		received: time.UnixMilli(int64(binary.BigEndian.Uint64(b[20:]))),
	}, nil
}
