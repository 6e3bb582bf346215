package auth

import "fmt"

// A Sealer encrypts the secrets of one kind of thing, each bound to the thing's
// id. It is safe for concurrent use.
type Sealer struct {
	vault *Vault
	use   string
}

// Sealer returns what seals for one use; what is sealed for another cannot be
// opened with it.
func (v *Vault) Sealer(use string) Sealer { return Sealer{v, use} }

// Seal encrypts plain.
func (s Sealer) Seal(id string, plain []byte) []byte {
	return s.vault.secrets.Seal(nil, nil, plain, s.bound(id))
}

// Open decrypts what Seal has made for the same id.
func (s Sealer) Open(id string, sealed []byte) ([]byte, error) {
	plain, err := s.vault.secrets.Open(nil, nil, sealed, s.bound(id))
	if err != nil {
		return nil, fmt.Errorf("what the %s %s keeps secret was encrypted with another secret key: set BELFRY_SECRET_KEY, or put back the data directory's %s", s.use, id, keyFile)
	}
	return plain, nil
}

// bound is no access key's id: those have no blank.
func (s Sealer) bound(id string) []byte { return []byte(s.use + " " + id) }
