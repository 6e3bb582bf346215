package function

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/belfry-run/belfry"
)

// A LayerUse is a version of a layer as a function has it. It has all that the
// function needs, so that the function does not notice when the version is deleted.
type LayerUse struct {
	ARN        string `json:"arn"`
	CodeSHA256 string `json:"code_sha256"` // of the zip, base64; empty: to be looked up
	CodeSize   int64  `json:"code_size"`   // of the zip, bytes
}

// UseLayers returns the versions of these ARNs as they stand in a function's new
// settings: to be looked up.
func UseLayers(arns []string) []LayerUse {
	uses := make([]LayerUse, len(arns))
	for i, arn := range arns {
		uses[i].ARN = arn
	}
	return uses
}

// findLayers looks up the layers that a function of a scope is given, and refuses
// what cannot be had together.
func (h *Host) findLayers(ctx context.Context, scope belfry.Scope, given []LayerUse) ([]LayerUse, error) {
	const field = "Layers"
	if len(given) > maxLayers {
		return nil, invalid(field, "Cannot reference more than 5 layers.")
	}
	var found []LayerUse
	seen := map[string]string{} // the version, by layer
	for _, u := range given {
		if u.CodeSHA256 == "" {
			ref, version, err := ParseLayerARN(u.ARN)
			if err != nil {
				return nil, err
			}
			if ref.Region != scope.Region {
				return nil, invalid(field, "Layers are not in the same region as the function. Layers are expected to be in region "+scope.Region+".")
			}
			l, err := h.Layer(ctx, scope.Account, ref, version)
			switch {
			case belfry.KindOf(err) == belfry.NotFound || version < 1:
				return nil, noLayer(u.ARN)
			case err != nil:
				return nil, err
			}
			u.CodeSHA256, u.CodeSize = l.CodeSHA256, l.CodeSize
		}
		layer := u.ARN[:strings.LastIndexByte(u.ARN, ':')]
		if other := seen[layer]; other != "" {
			return nil, invalid(field, "Two different versions of the same layer are not allowed to be referenced in the same function. "+
				other+" and "+u.ARN+" are versions of the same layer.")
		}
		seen[layer] = u.ARN
		found = append(found, u)
	}
	return found, nil
}

func noLayer(arn string) error {
	return invalid("Layers", "Layer version "+arn+" does not exist.")
}

// folders returns the names of the folders of code that f needs: that of its own
// comes first, that of what it finds at /opt last. Of several layers there is one
// more, which has the files of all.
func (f *Function) folders() []string {
	names := []string{f.codeKey()}
	for _, u := range f.Layers {
		names = append(names, codeKey(u.CodeSHA256))
	}
	if len(f.Layers) > 1 {
		sum := sha256.Sum256([]byte("layers " + strings.Join(names[1:], " ")))
		names = append(names, hex.EncodeToString(sum[:]))
	}
	return names
}

// takeLayers holds the layers of f, whose code is held, and puts them together.
// After an error it holds none.
func (h *Host) takeLayers(f *Function) (err error) {
	if len(f.Layers) == 0 {
		return nil
	}
	folders := f.folders()[1:]
	h.codes.hold(folders...)
	defer func() {
		if err != nil {
			h.codes.release(folders...)
		}
	}()
	for _, u := range f.Layers {
		// It may have been deleted since it was found; what is there now stays.
		if _, err := os.Stat(h.codes.taskDir(codeKey(u.CodeSHA256))); err != nil {
			return noLayer(u.ARN)
		}
	}
	size, err := h.codes.unzipped(f.codeKey())
	if err != nil {
		return err
	}
	if err := h.checkTotal(f, size); err != nil {
		return err
	}
	return h.mergeLayers(f)
}

// checkTotal refuses layers that are too large together with the function's own
// files, which have so many bytes.
func (h *Host) checkTotal(f *Function, code int64) error {
	total := code
	for _, u := range f.Layers {
		n, err := h.codes.unzipped(codeKey(u.CodeSHA256))
		if err != nil {
			return err
		}
		total += n
	}
	if limit := h.codes.limits.unzipped; total > limit {
		return invalid("Layers", fmt.Sprintf("Function code combined with layers exceeds the maximum allowed size of %d bytes. The actual size is %d bytes.", limit, total))
	}
	return nil
}

// mergeLayers makes the folder of f's layers, if there is to be one and is none.
func (h *Host) mergeLayers(f *Function) error {
	if len(f.Layers) < 2 {
		return nil
	}
	folders := f.folders()
	last := len(folders) - 1
	if err := h.codes.merge(folders[last], folders[1:last]); err != nil {
		return fmt.Errorf("put the layers of %s together: %w", f.ARN(), err)
	}
	return nil
}

// optDir is the folder of what f finds at /opt; empty: nothing.
func (h *Host) optDir(f *Function) string {
	if len(f.Layers) == 0 {
		return ""
	}
	folders := f.folders()
	return h.codes.taskDir(folders[len(folders)-1])
}
