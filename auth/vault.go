package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// keySize is the size of the master key, in bytes.
const keySize = 32

// A Vault encrypts what must be recoverable: AES-256-GCM under keys derived
// from one master key. It is safe for concurrent use.
type Vault struct {
	secrets  cipher.AEAD // of access keys, in the store
	tokens   cipher.AEAD // session tokens
	sessions []byte      // makes the secrets of sessions
}

// NewVault returns the vault of a master key of 32 bytes.
func NewVault(master []byte) (*Vault, error) {
	if len(master) != keySize {
		return nil, fmt.Errorf("the secret key has %d bytes, want %d", len(master), keySize)
	}
	v := &Vault{}
	var err error
	if v.secrets, err = aead(master, "belfry access keys"); err != nil {
		return nil, err
	}
	if v.tokens, err = aead(master, "belfry session tokens"); err != nil {
		return nil, err
	}
	v.sessions, err = hkdf.Key(sha256.New, master, nil, "belfry session secrets", keySize)
	return v, err
}

func aead(master []byte, use string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, master, nil, use, keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// keyFile is the master key's file in the data directory.
const keyFile = "secret.key"

// OpenVault returns the vault whose master key is text, 64 hexadecimal digits
// or the base64 of 32 bytes; when text is empty, the key in dir/secret.key,
// which is made with mode 0600 if it is not there.
func OpenVault(dir, text string) (*Vault, error) {
	if text != "" {
		master, err := decodeKey(text)
		if err != nil {
			return nil, fmt.Errorf("BELFRY_SECRET_KEY: %w", err)
		}
		return NewVault(master)
	}
	path := filepath.Join(dir, keyFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return newKeyFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret key: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the secret key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read the secret key %s: chmod 600 it", path)
	}
	master, err := decodeKey(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return NewVault(master)
}

// CheckVault reports whether OpenVault would find a key, or would make a new
// one, and the error that it would return.
func CheckVault(dir, text string) (there bool, err error) {
	if text == "" {
		_, err := os.Stat(filepath.Join(dir, keyFile))
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
	}
	_, err = OpenVault(dir, text)
	return err == nil, err
}

func decodeKey(text string) ([]byte, error) {
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString} {
		if b, err := decode(text); err == nil && len(b) == keySize {
			return b, nil
		}
	}
	return nil, errors.New(`not a key: want 64 hexadecimal digits, as "openssl rand -hex 32" prints`)
}

// newKeyFile makes the key, durably: what is encrypted with it may be on the
// disk soon.
func newKeyFile(path string) (_ *Vault, err error) {
	master := make([]byte, keySize)
	_, _ = rand.Read(master) // never fails
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make the secret key: %w", err)
	}
	_, werr := f.WriteString(hex.EncodeToString(master) + "\n")
	if err := errors.Join(werr, f.Sync(), f.Close(), os.Rename(path+".new", path), syncDir(filepath.Dir(path))); err != nil {
		return nil, fmt.Errorf("make the secret key: %w", err)
	}
	return NewVault(master)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// seal encrypts the secret of an access key; the id is bound to it.
func (v *Vault) seal(id, secret string) []byte {
	return v.secrets.Seal(nil, nil, []byte(secret), []byte(id))
}

func (v *Vault) open(id string, sealed []byte) (string, error) {
	b, err := v.secrets.Open(nil, nil, sealed, []byte(id))
	if err != nil {
		return "", fmt.Errorf("the secret of the access key %s was encrypted with another secret key: set BELFRY_SECRET_KEY, or put back the data directory's %s", id, keyFile)
	}
	return string(b), nil
}

// sessionSecret is the secret access key of a session, a function of its
// access key.
func (v *Vault) sessionSecret(accessKey string) string {
	m := hmac.New(sha256.New, v.sessions)
	m.Write([]byte(accessKey))
	return base64.StdEncoding.EncodeToString(m.Sum(nil)[:secretBytes])
}
