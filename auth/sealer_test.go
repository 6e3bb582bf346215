package auth

import (
	"bytes"
	"strings"
	"testing"
)

func TestSealerOpensItsOwnOnly(t *testing.T) {
	v, err := NewVault(make([]byte, keySize))
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewVault(bytes.Repeat([]byte{1}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte("Authorization: Bearer x")
	sealed := v.Sealer("probe").Seal("a", secret)
	if bytes.Contains(sealed, secret) {
		t.Error("it is not encrypted")
	}
	if got, err := v.Sealer("probe").Open("a", sealed); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("got %q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another id":  func() ([]byte, error) { return v.Sealer("probe").Open("b", sealed) },
		"another use": func() ([]byte, error) { return v.Sealer("channel").Open("a", sealed) },
		"another key": func() ([]byte, error) { return other.Sealer("probe").Open("a", sealed) },
		"cut":         func() ([]byte, error) { return v.Sealer("probe").Open("a", sealed[:10]) },
	} {
		if got, err := open(); err == nil || !strings.Contains(err.Error(), "BELFRY_SECRET_KEY") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}
