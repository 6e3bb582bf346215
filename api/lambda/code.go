package lambda

import (
	"context"
	"net/http"
	"net/url"
	"path"

	"github.com/belfry-run/belfry"
	"github.com/belfry-run/belfry/api/awswire"
	"github.com/belfry-run/belfry/function"
)

// CodePrefix is where [CodeHandler] must be mounted: the links to code that
// GetFunction and GetLayerVersion give lead there.
const CodePrefix = "/belfry/code/"

// codeURL returns a link to the zip with that hash, which is good for ten minutes.
// It carries its own permission, as the presigned links of S3 do.
func (s *Service) codeURL(ctx context.Context, sha256b64 string) string {
	name, expires, signature := s.host.CodeLink(sha256b64)
	return awswire.EndpointFrom(ctx) + CodePrefix + name + ".zip?" + url.Values{"expires": {expires}, "signature": {signature}}.Encode()
}

// CodeHandler serves the zips that such links lead to.
func CodeHandler(host *function.Host) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		name, q := path.Base(r.URL.Path), r.URL.Query()
		f, err := host.OpenCode(name[:max(0, len(name)-len(".zip"))], q.Get("expires"), q.Get("signature"))
		if err != nil {
			status := http.StatusInternalServerError
			switch belfry.KindOf(err) {
			case belfry.Denied:
				status = http.StatusForbidden
			case belfry.NotFound:
				status = http.StatusNotFound
			}
			http.Error(w, http.StatusText(status), status)
			return
		}
		defer f.Close() // only read from
		info, err := f.Stat()
		if err != nil {
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		http.ServeContent(w, r, name, info.ModTime(), f)
	})
}
