package function

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
)

// An Attachment is what a published version or an alias has of its own, and may
// change.
type Attachment struct {
	Policy Policy       `json:"policy,omitzero"`
	Events *EventConfig `json:"events,omitempty"` // nil: the defaults
}

func (o *Attachment) clone() *Attachment {
	c := *o
	c.Policy.Statements = slices.Clone(o.Policy.Statements)
	if o.Events != nil {
		c.Events = o.Events.clone()
	}
	return &c
}

// isLatest says whether a qualifier names the function as such.
func isLatest(qualifier string) bool { return qualifier == "" || qualifier == Latest }

// versionNumber returns the version that a qualifier names; ok is false for an
// alias. Latest is 0.
func versionNumber(qualifier string) (n int, ok bool) {
	if isLatest(qualifier) {
		return 0, true
	}
	if strings.Trim(qualifier, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(qualifier)
	if err != nil || n == 0 || qualifier[0] == '0' {
		return -1, true // a number that no version has
	}
	return n, true
}

// policy returns where the policy of a version or an alias is kept.
func (f *Function) policy(qualifier string) *Policy {
	if isLatest(qualifier) {
		return &f.Policy
	}
	return &f.attached(qualifier).Policy
}

// events returns where the event configuration of a version or an alias is kept.
func (f *Function) events(qualifier string) **EventConfig {
	if isLatest(qualifier) {
		return &f.Events
	}
	return &f.attached(qualifier).Events
}

func (f *Function) attached(qualifier string) *Attachment {
	if f.Attached == nil {
		f.Attached = map[string]*Attachment{}
	}
	if f.Attached[qualifier] == nil {
		f.Attached[qualifier] = &Attachment{}
	}
	return f.Attached[qualifier]
}

// shown returns the version v as the qualifier shows it: with what belongs to the
// function f, and what the qualifier has of its own.
func (f *Function) shown(v *Function, qualifier string) *Function {
	c := *v
	c.Tags, c.Reserved, c.OncePer, c.Change = f.Tags, f.Reserved, f.OncePer, f.Change
	c.Policy, c.Events = Policy{}, nil
	if o := f.Attached[qualifier]; o != nil {
		c.Policy, c.Events = o.Policy, o.Events
	}
	return &c
}

// pick returns the version that a qualifier stands for; random, in [0, 1),
// chooses between those of an alias.
func (f *Function) pick(qualifier string, random float64) (version int, ok bool) {
	if n, ok := versionNumber(qualifier); ok {
		return n, true
	}
	a := f.Aliases[qualifier]
	if a == nil {
		return 0, false
	}
	if random < a.Weight {
		return a.Other, true
	}
	return a.Version, true
}

// fingerprint tells whether code or settings have changed.
func (f *Function) fingerprint() (string, error) {
	text, err := json.Marshal(f.Settings)
	if err != nil {
		return "", fmt.Errorf("encode the settings of %s: %w", f.ARN(), err)
	}
	sum := sha256.Sum256(append(text, f.CodeSHA256...))
	return hex.EncodeToString(sum[:]), nil
}

// A Publication asks for a version.
type Publication struct {
	Ref
	Description *string // nil: that of Latest
	CodeSHA256  string  // that the caller expects, base64; empty: any
	Revision    string  // the same
}

// Publish makes a version of Latest that does not change any more. When code and
// settings are those of the last version, it returns that one.
func (h *Host) Publish(ctx context.Context, p Publication) (*Function, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	old, err := h.Get(ctx, p.Ref, "")
	if err != nil {
		return nil, err
	}
	if err := checkRevision(p.Revision, old.Revision, functionRevisionCall); err != nil {
		return nil, err
	}
	if p.CodeSHA256 != "" && p.CodeSHA256 != old.CodeSHA256 {
		return nil, invalid("CodeSha256", "CodeSHA256 ("+p.CodeSHA256+") is different from current CodeSHA256 in $LATEST ("+old.CodeSHA256+
			"). Please try again with the CodeSHA256 in $LATEST.")
	}
	last, err := h.lastVersion(ctx, old)
	if err != nil || last != nil {
		return last, err
	}
	f := old.clone()
	f.Revision = uuid.NewString()
	f.Change = f.Revision
	v, err := h.publish(ctx, f, old.Change, p.Description)
	if err != nil {
		return nil, storeError(err, f)
	}
	h.pools.changed(f)
	return v, nil
}

// lastVersion returns the last version if it is as f is; else nil.
func (h *Host) lastVersion(ctx context.Context, f *Function) (*Function, error) {
	if f.Published == 0 {
		return nil, nil
	}
	v, err := h.cfg.Store.Version(ctx, f.Ref, f.Published)
	if belfry.KindOf(err) == belfry.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up version %d of %s: %w", f.Published, f.ARN(), err)
	}
	source, err := f.fingerprint()
	if err != nil || source != v.Source {
		return nil, err
	}
	return f.shown(v, v.VersionName()), nil
}

// publish stores f, which must be as Latest is to be, and a version of it. It
// holds the version's code.
func (h *Host) publish(ctx context.Context, f *Function, replaces string, description *string) (*Function, error) {
	source, err := f.fingerprint()
	if err != nil {
		return nil, err
	}
	v := &Function{
		Ref: f.Ref, Settings: f.clone().Settings, CodeSHA256: f.CodeSHA256, CodeSize: f.CodeSize,
		Revision: uuid.NewString(), Created: h.now(), Modified: f.Modified, Source: source,
	}
	if description != nil {
		v.Description = *description
	}
	if err := v.check(); err != nil {
		return nil, err
	}
	v.Change = v.Revision
	h.codes.hold(v.folders()...)
	v.Version, err = h.cfg.Store.PublishVersion(ctx, f, replaces, v)
	if err != nil {
		h.codes.release(v.folders()...)
		return nil, err
	}
	f.Published = v.Version
	return f.shown(v, v.VersionName()), nil
}

// Versions returns up to limit versions of a function after that number, Latest
// (0) first; -1 is before it.
func (h *Host) Versions(ctx context.Context, ref Ref, after, limit int) ([]*Function, error) {
	f, err := h.Get(ctx, ref, "")
	if err != nil {
		return nil, err
	}
	page, err := h.cfg.Store.Functions(ctx, Query{Scope: ref.Scope, Name: ref.Name, Versions: true, AfterVersion: after, Limit: limit})
	if err != nil {
		return nil, fmt.Errorf("list the versions of %s: %w", f.ARN(), err)
	}
	return page, nil
}

// deleteVersion removes a published version, unless an alias needs it. It is no
// error when there is none.
func (h *Host) deleteVersion(ctx context.Context, ref Ref, qualifier string) error {
	n, ok := versionNumber(qualifier)
	if !ok {
		return invalid("Qualifier", "Deletion of aliases is not currently supported.")
	}
	if err := h.enter(); err != nil {
		return err
	}
	defer h.leave()
	for {
		old, err := h.Get(ctx, ref, "")
		if err != nil {
			return err
		}
		v, err := h.cfg.Store.Version(ctx, ref, n)
		if belfry.KindOf(err) == belfry.NotFound {
			return nil
		} else if err != nil {
			return fmt.Errorf("look up version %s of %s: %w", qualifier, ref.ARN(), err)
		}
		var users []string
		for _, a := range old.aliases() {
			if a.Version == n || a.Weight > 0 && a.Other == n {
				users = append(users, a.Name)
			}
		}
		if len(users) > 0 {
			return &belfry.Error{
				Kind: belfry.Conflict, Code: "ResourceConflictException", Field: "Qualifier",
				Message: "Unable to delete version because the following aliases reference it: [" + strings.Join(users, ", ") + "]",
			}
		}
		f := old.clone()
		delete(f.Attached, qualifier)
		f.Change = uuid.NewString()
		switch err := h.cfg.Store.DeleteVersion(ctx, f, old.Change, n); {
		case err == nil:
			h.pools.changed(f)
			h.pools.deleted(ref, n)
			h.codes.release(v.folders()...)
			return nil
		case belfry.KindOf(err) == belfry.NotFound:
			return notFound(ref, qualifier)
		case belfry.KindOf(err) != belfry.Conflict:
			return fmt.Errorf("delete version %s of %s: %w", qualifier, ref.ARN(), err)
		}
	}
}
