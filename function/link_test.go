package function

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestAnInstanceThatCannotBeTold(t *testing.T) {
	link := func() (*framed, *os.File) {
		f, theirs, err := newFramed()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(f.close)
		t.Cleanup(func() { theirs.Close() })
		return f, theirs
	}
	gone, theirs := link()
	theirs.Close()
	if err := gone.assign(time.Now().Add(time.Minute), &assignment{}); err != nil {
		t.Errorf("of a process that is gone ready tells, and not %v", err)
	}
	if err := gone.begin(); err != nil {
		t.Errorf("of a process that is gone ready tells, and not %v", err)
	}
	if _, err := gone.ready(time.Now().Add(time.Minute)); !errors.Is(err, errGone) {
		t.Errorf("ready told %v", err)
	}
	deaf, _ := link()
	env := map[string]string{"LARGE": strings.Repeat("x", 8<<20)} // more than the socket holds
	if err := deaf.assign(time.Now(), &assignment{env: env}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("of one that does not listen: %v", err)
	}
}
