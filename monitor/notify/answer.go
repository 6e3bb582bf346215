package notify

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// An answer is what services say that refuse inside a 200. A member that is not
// there says nothing.
type answer struct {
	Code    *int  `json:"code"`       // Lark; 0 is success
	Status  *int  `json:"StatusCode"` // Lark's older webhooks
	ErrCode *int  `json:"errcode"`    // WeCom and DingTalk; 0 is success
	Success *bool `json:"success"`    // Join
}

// codes reports whether no code tells of a failure.
func (a *answer) codes() bool {
	for _, code := range []*int{a.Code, a.Status, a.ErrCode} {
		if code != nil && *code != 0 {
			return false
		}
	}
	return true
}

// number returns the code that tells of a failure, 0 when none does.
func (a *answer) number() int {
	for _, code := range []*int{a.Code, a.Status, a.ErrCode} {
		if code != nil && *code != 0 {
			return *code
		}
	}
	return 0
}

// busy are the codes with which services ask to be left alone for a while.
var busy = map[int]bool{
	9499: true, 11232: true, // Lark: too many requests
	45009: true, -1: true, // WeCom: too many requests, busy
	130101: true, // DingTalk: too many requests
}

// answered makes a request to a service that may refuse inside a 200: taken says
// whether its answer is a success. Of an answer that cannot be read only the
// status counts.
func (s *Sender) answered(req *http.Request, taken func(*answer) bool) error {
	var a answer
	err := s.exchange(req, func(body io.Reader) {
		b, err := io.ReadAll(io.LimitReader(body, answerMax))
		if err != nil || json.Unmarshal(b, &a) != nil {
			a = answer{}
		}
	})
	if err != nil || taken(&a) {
		return err
	}
	e := &Error{Reason: "The receiver refused the message in an answer of status 200"}
	if n := a.number(); n != 0 {
		e.Reason += ", with the code " + strconv.Itoa(n)
		e.Permanent = !busy[n]
	} else {
		e.Permanent = true
	}
	return e
}
