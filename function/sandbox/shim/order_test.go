package shim

import (
	"errors"
	"reflect"
	"syscall"
	"testing"
)

var someOrder = Order{
	Path: "/bin/sh", Args: []string{"sh", "-c", ""}, Env: []string{"A=ä\n"}, Dir: "/tmp",
	Mounts: []Mount{{"/a", "/b"}, {"/c", "/d"}}, Places: []string{"/opt"}, Storage: 512, Processes: 64, Ports: []int{9001, 9002},
}

func TestOrdersArriveAsTheyWere(t *testing.T) {
	if got, err := decodeOrder(someOrder.Encode()); err != nil || !reflect.DeepEqual(got, someOrder) {
		t.Errorf("%v\n%+v\n%+v", err, got, someOrder)
	}
	s := Setting{Namespaces: true, Network: true, Root: "/root", User: 600_000_001, Filter: []byte{0, 1, 255}}
	message := s.Encode()
	got, err := decodeSetting(message)
	clear(message) // its memory is the next message's
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%v\n%+v\n%+v", err, got, s)
	}
	a := Assignment{Mounts: []Mount{{"/a", "/b"}}, Storage: 512}
	if got, err := decodeAssignment(a.Encode()[1:]); err != nil || !reflect.DeepEqual(got, a) || a.Encode()[0] != assignCommand {
		t.Errorf("%v\n%+v\n%+v", err, got, a)
	}
	for _, a := range []Answer{{}, {Error: "no", Exec: true}, {Kind: Assigned}, {Kind: Exited, Status: syscall.WaitStatus(syscall.SIGKILL)}} {
		if got, err := DecodeAnswer(a.encode()); err != nil || got != a {
			t.Errorf("%v\n%+v\n%+v", err, got, a)
		}
	}
}

// TestDamagedMessagesAreRefused cuts an order at every place, and puts a length
// that cannot be at every place.
func TestDamagedMessagesAreRefused(t *testing.T) {
	whole := someOrder.Encode()
	for i := range whole {
		if _, err := decodeOrder(whole[:i]); !errors.Is(err, errMessage) {
			t.Errorf("the first %d bytes: %v", i, err)
		}
		damaged := append([]byte{}, whole...)
		for j := i; j < min(i+4, len(damaged)); j++ {
			damaged[j] = 0xff
		}
		_, _ = decodeOrder(damaged)   // whatever it is, it is no reason to panic
		_, _ = decodeSetting(damaged) // nor this
	}
	if _, err := decodeOrder(append(whole, 0)); !errors.Is(err, errMessage) {
		t.Errorf("one byte too many: %v", err)
	}
}

func TestErrorsNameTheStep(t *testing.T) {
	err := failed("mount a root", syscall.EPERM)
	if err.Error() != "mount a root: operation not permitted" || !errors.Is(err, syscall.EPERM) {
		t.Errorf("%v", err)
	}
}
