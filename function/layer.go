package function

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
)

// Limits of layers, Lambda's own.
const (
	maxLayers             = 5   // of a function
	maxLayerRuntimes      = 15  // that a version names
	maxLayerArchitectures = 2   // the same
	maxLayerDescription   = 256 // characters
	maxLicense            = 512 // characters
)

// A LayerRef names a layer.
type LayerRef struct {
	belfry.Scope
	Name string
}

// ARN returns the layer's Amazon Resource Name, without a version.
func (r LayerRef) ARN() string {
	return "arn:aws:lambda:" + r.Region + ":" + r.Account + ":layer:" + r.Name
}

func (r LayerRef) versionARN(version int) string { return r.ARN() + ":" + strconv.Itoa(version) }

// A Layer is the record of one version of a layer: files that functions have
// beside their code. It never changes, save its policy.
type Layer struct {
	LayerRef
	Version       int       `json:"version"` // from 1 on; the store sets it
	Description   string    `json:"description,omitempty"`
	License       string    `json:"license,omitempty"`
	Runtimes      []string  `json:"runtimes,omitempty"`      // that it is said to be for; kept and searched, not enforced, as on Lambda
	Architectures []string  `json:"architectures,omitempty"` // the same
	CodeSHA256    string    `json:"code_sha256"`             // of the zip, base64
	CodeSize      int64     `json:"code_size"`               // of the zip, bytes
	Created       time.Time `json:"created"`
	Policy        Policy    `json:"policy,omitzero"` // who else may use it

	// Change names this state of the record, as that of a [Function] does.
	Change string `json:"-"`
}

// VersionARN returns the Amazon Resource Name of the version.
func (l *Layer) VersionARN() string { return l.versionARN(l.Version) }

// suits says whether the version is said to be for a runtime and an
// architecture; empty is any.
func (l *Layer) suits(f LayerFilter) bool {
	return (f.Runtime == "" || slices.Contains(l.Runtimes, f.Runtime)) &&
		(f.Architecture == "" || slices.Contains(l.Architectures, f.Architecture))
}

// A LayerFilter selects versions by what they are said to be for; empty is any.
type LayerFilter struct{ Runtime, Architecture string }

// A LayerQuery selects versions of layers.
type LayerQuery struct {
	belfry.Scope          // zero: every account and region
	Name         string   // of the one layer whose versions are selected; needs a scope
	After        LayerRef // position: the layer of the last version of the page before; in a scope only its name counts
	AfterVersion int      // position within that layer
	Limit        int
}

// A LayerPublication is a version to be.
type LayerPublication struct {
	LayerRef
	Description, License    string
	Runtimes, Architectures []string
	Zip                     []byte
}

func (p *LayerPublication) check() error {
	switch {
	case utf8.RuneCountInString(p.Description) > maxLayerDescription:
		return constraint("Description", "description", p.Description, "Member must have length less than or equal to 256")
	case utf8.RuneCountInString(p.License) > maxLicense:
		return constraint("LicenseInfo", "licenseInfo", p.License, "Member must have length less than or equal to 512")
	case len(p.Runtimes) > maxLayerRuntimes:
		return constraint("CompatibleRuntimes", "compatibleRuntimes", p.Runtimes, "Member must have length less than or equal to 15")
	case len(p.Architectures) > maxLayerArchitectures:
		return constraint("CompatibleArchitectures", "compatibleArchitectures", p.Architectures, "Member must have length less than or equal to 2")
	case len(p.Zip) == 0:
		return invalid("Content", "Please provide a source for layer content: a zip in Content.ZipFile.")
	}
	for _, r := range p.Runtimes {
		if !slices.Contains(knownRuntimes, r) && !slices.Contains(oldRuntimes, r) {
			return constraint("CompatibleRuntimes", "compatibleRuntimes", p.Runtimes,
				"Member must satisfy constraint: [Member must satisfy enum value set: ["+strings.Join(knownRuntimes, ", ")+"]]")
		}
	}
	return nil
}

// PublishLayer stores a zip as the next version of a layer. A number is never
// used again.
func (h *Host) PublishLayer(ctx context.Context, p LayerPublication) (*Layer, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	if err := p.check(); err != nil {
		return nil, err
	}
	sum, err := h.codes.add(p.Zip)
	if err != nil {
		return nil, err
	}
	l := &Layer{
		LayerRef: p.LayerRef, Description: p.Description, License: p.License, Runtimes: slices.Clone(p.Runtimes),
		Architectures: slices.Clone(p.Architectures), CodeSHA256: sum, CodeSize: int64(len(p.Zip)), Created: h.now(), Change: uuid.NewString(),
	}
	if l.Version, err = h.cfg.Store.PublishLayer(ctx, l); err != nil {
		h.codes.release(codeKey(sum))
		return nil, fmt.Errorf("store a version of %s: %w", l.ARN(), err)
	}
	return l, nil
}

// Layer returns a version of a layer to somebody of an account: its own, or one
// that the version's policy lets use it; else Denied.
func (h *Host) Layer(ctx context.Context, account string, ref LayerRef, version int) (*Layer, error) {
	if version < 1 {
		return nil, errLayerVersion
	}
	l, err := h.cfg.Store.Layer(ctx, ref, version)
	switch missing := belfry.KindOf(err) == belfry.NotFound; {
	case err != nil && !missing:
		return nil, fmt.Errorf("look up %s: %w", ref.versionARN(version), err)
	case ref.Account != account && (missing || !l.Policy.lets(account)):
		return nil, belfry.Errorf(belfry.Denied, "LayerVersionArn",
			"Account %s is not authorized to perform: lambda:GetLayerVersion on resource: %s because no resource-based policy allows the lambda:GetLayerVersion action. "+
				"Layers are those of this server: publish the zip here with PublishLayerVersion.", account, ref.versionARN(version))
	case missing:
		return nil, noResource("The resource you requested does not exist.")
	}
	return l, nil
}

var errLayerVersion = invalid("VersionNumber", "Layer Version Cannot be less than 1.")

// LayerVersions returns the versions of a layer that suit, the newest first; none
// when there is no such layer.
func (h *Host) LayerVersions(ctx context.Context, ref LayerRef, f LayerFilter) (found []*Layer, err error) {
	err = h.eachLayer(ctx, LayerQuery{Scope: ref.Scope, Name: ref.Name}, func(l *Layer) {
		if l.suits(f) {
			found = append(found, l)
		}
	})
	slices.Reverse(found)
	return found, err
}

// Layers returns the newest version that suits of each layer of a scope, in the
// order of their names.
func (h *Host) Layers(ctx context.Context, scope belfry.Scope, f LayerFilter) (found []*Layer, err error) {
	err = h.eachLayer(ctx, LayerQuery{Scope: scope}, func(l *Layer) {
		switch n := len(found); {
		case !l.suits(f):
		case n > 0 && found[n-1].Name == l.Name:
			found[n-1] = l
		default:
			found = append(found, l)
		}
	})
	return found, err
}

// eachLayer calls yield with every version that q selects.
func (h *Host) eachLayer(ctx context.Context, q LayerQuery, yield func(*Layer)) error {
	for q.Limit = 1000; ; {
		page, err := h.cfg.Store.Layers(ctx, q)
		if err != nil {
			return fmt.Errorf("read the layers: %w", err)
		}
		for _, l := range page {
			yield(l)
			q.After, q.AfterVersion = l.LayerRef, l.Version
		}
		if len(page) < q.Limit {
			return nil
		}
	}
}

// DeleteLayer removes a version; it is no error when there is none. Functions
// that have it keep it, and no other can get it.
func (h *Host) DeleteLayer(ctx context.Context, ref LayerRef, version int) error {
	if err := h.enter(); err != nil {
		return err
	}
	defer h.leave()
	l, err := h.Layer(ctx, ref.Account, ref, version)
	switch {
	case belfry.KindOf(err) == belfry.NotFound:
		return nil
	case err != nil:
		return err
	}
	switch err := h.cfg.Store.DeleteLayer(ctx, ref, version); {
	case err == nil:
		h.codes.release(codeKey(l.CodeSHA256))
		return nil
	case belfry.KindOf(err) == belfry.NotFound: // somebody else was faster
		return nil
	default:
		return fmt.Errorf("delete %s: %w", l.VersionARN(), err)
	}
}

// ParseLayerName reads a layer's name as clients write it: a bare name, or an ARN.
// What it leaves out is taken from the caller's scope.
func ParseLayerName(caller belfry.Scope, s string) (LayerRef, error) {
	ref := LayerRef{Scope: caller, Name: s}
	if p := strings.Split(s, ":"); len(p) == 7 && p[0] == "arn" && p[2] == "lambda" && p[5] == "layer" {
		ref = LayerRef{Scope: belfry.Scope{Account: p[4], Region: p[3]}, Name: p[6]}
	}
	if !validName(ref.Name) {
		return ref, constraint("LayerName", "layerName", s, `Member must satisfy regular expression pattern: (arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+`)
	}
	if ref.Region != caller.Region {
		return ref, noResource("Layers from '" + ref.Region + "' are not reachable in this region ('" + caller.Region + "')")
	}
	return ref, nil
}

// ParseLayerARN reads the ARN of a version of a layer.
func ParseLayerARN(s string) (ref LayerRef, version int, err error) {
	p := strings.Split(s, ":")
	if len(p) == 8 && p[0] == "arn" && p[2] == "lambda" && p[5] == "layer" && validName(p[6]) {
		if version, err = strconv.Atoi(p[7]); err == nil {
			return LayerRef{Scope: belfry.Scope{Account: p[4], Region: p[3]}, Name: p[6]}, version, nil
		}
	}
	return ref, 0, constraint("Layers", "layers", s, `Member must satisfy regular expression pattern: arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+`)
}
