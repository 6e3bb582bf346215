package awswire

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Sign signs a request for a service in a region, as the holder of the access
// key; token is empty but for temporary credentials. It is what Belfry's own
// clients use. The request's headers must be complete, and body its body.
func Sign(r *http.Request, body []byte, accessKey, secret, token, region, service string, now time.Time) error {
	s := signature{date: now.UTC().Format(dateFormat)}
	s.cred = Credential{AccessKey: accessKey, Date: s.date[:8], Region: region, Service: service}
	r.Header.Set("X-Amz-Date", s.date)
	if token != "" {
		r.Header.Set("X-Amz-Security-Token", token)
	}
	names := []string{"host"}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-") || name == "Content-Type" {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	s.headers = strings.Join(names, ";")
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	var c canon
	if err := c.request(r, body, &s); err != nil {
		return err
	}
	key := deriveKey(secret, &s.cred)
	sum := c.sign(&key, &s)
	r.Header.Set("Authorization", algorithm+" Credential="+accessKey+"/"+string(appendScope(nil, &s.cred))+
		", SignedHeaders="+s.headers+", Signature="+hex.EncodeToString(sum[:]))
	return nil
}
