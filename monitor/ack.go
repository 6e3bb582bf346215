package monitor

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/belfry-run/belfry"
)

// A link that acknowledges is /alerts/ack/ and a token: the number of the
// delivery that it stands in, signed, so that nobody can guess one.
const (
	AckPath   = "/alerts/ack/"
	ackMACLen = 16
)

func (a *Alerts) ackURL(delivery int64) string { return a.c.URL + AckPath + a.ackToken(delivery) }

func (a *Alerts) ackToken(delivery int64) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(delivery))
	return base64.RawURLEncoding.EncodeToString(append(b, a.ackMAC(b)...))
}

func (a *Alerts) ackMAC(number []byte) []byte {
	m := hmac.New(sha256.New, a.c.Secret)
	m.Write([]byte("belfry acknowledge\x00"))
	m.Write(number)
	return m.Sum(nil)[:ackMACLen]
}

// Acknowledgeable returns the delivery whose link has that token, or NotFound.
func (a *Alerts) Acknowledgeable(ctx context.Context, token string) (Delivery, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 8+ackMACLen || !hmac.Equal(b[8:], a.ackMAC(b[:8])) {
		return Delivery{}, belfry.Errorf(belfry.NotFound, "", "This link is not valid.")
	}
	return a.store.Delivery(ctx, int64(binary.BigEndian.Uint64(b)))
}

// AcknowledgeLink acknowledges all that the message with the link was about, and
// returns how many alerts that were: 0 when all of them had ended or somebody had
// been faster.
func (a *Alerts) AcknowledgeLink(ctx context.Context, token string) (int, error) {
	d, err := a.Acknowledgeable(ctx, token)
	if err != nil {
		return 0, err
	}
	return a.store.Acknowledge(ctx, d.Account, nil, d.Number, "link", a.now())
}

// Acknowledge says that somebody, by, looks after the account's alert: reminders
// and the escalation stop. The second call, and one of an alert that has ended,
// changes nothing. NotFound when there is no such alert.
func (a *Alerts) Acknowledge(ctx context.Context, account, id, by string) (Alert, error) {
	if _, err := a.store.Acknowledge(ctx, account, []string{id}, 0, by, a.now()); err != nil {
		return Alert{}, err
	}
	return a.store.Alert(ctx, account, id)
}

// Alert returns the account's alert, or NotFound.
func (a *Alerts) Alert(ctx context.Context, account, id string) (Alert, error) {
	return a.store.Alert(ctx, account, id)
}

// List returns up to limit of the account's alerts before the one with the number
// before (0: all), the newest first; open leaves those out that have ended.
func (a *Alerts) List(ctx context.Context, account string, open bool, before int64, limit int) ([]NumberedAlert, error) {
	return a.store.Alerts(ctx, account, open, before, limit)
}
