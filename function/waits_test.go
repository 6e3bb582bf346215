package function

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry-run/belfry/memory"
)

// A function that has answered in time has answered, however long its answer waits.
func TestATimeoutDoesNotRunWhileAnAnswerWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRuntimeAPI()
		defer a.leave()
		h := a.routes()
		send := func(method, path, body string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, runtimeAPIVersion+"/runtime/"+path, strings.NewReader(body)))
			return w
		}
		answer := strings.Repeat("x", memory.Small+1)
		go func() {
			send(http.MethodGet, "invocation/next", "")
			time.Sleep(2 * time.Second) // the function's work, in fake time
			send(http.MethodPost, "invocation/1/response", answer)
		}()
		if _, err := a.ready(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		r, err := a.invoke(time.Now().Add(3*time.Second), &call{id: "1", payload: []byte("{}"), room: func(n int) (*memory.Hold, error) {
			if n != len(answer) {
				t.Errorf("room is wanted for %d bytes", n)
			}
			time.Sleep(time.Minute)
			return nil, nil
		}})
		if err != nil || string(r.payload) != answer {
			t.Errorf("%d bytes, %v", len(r.payload), err)
		}
	})
}
