package function

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
)

// A Creation is a function to be.
type Creation struct {
	Ref
	Settings
	Zip     []byte
	Tags    map[string]string
	Publish bool // a first version as well, which is returned
}

// Create stores a function and its code. Settings that are zero get their
// defaults.
func (h *Host) Create(ctx context.Context, c Creation) (*Function, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := h.checkRuntime(ctx, c.Runtime); err != nil {
		return nil, err
	}
	if _, err := h.egressOf(&c.Settings); err != nil {
		return nil, err
	}
	if err := h.checkRole(ctx, c.Account, c.Role); err != nil {
		return nil, err
	}
	if len(c.Zip) == 0 {
		return nil, invalid("Code", "Please provide a source for function code.")
	}
	var err error
	if c.Layers, err = h.findLayers(ctx, c.Scope, c.Layers); err != nil {
		return nil, err
	}
	// Before the code is unpacked, which is dear; PutFunction decides.
	switch _, err := h.cfg.Store.Function(ctx, c.Ref); {
	case err == nil:
		return nil, exists(c.Ref)
	case belfry.KindOf(err) != belfry.NotFound:
		return nil, fmt.Errorf("look up %s: %w", c.ARN(), err)
	}
	sum, err := h.codes.add(c.Zip)
	if err != nil {
		return nil, err
	}
	now := h.now()
	f := &Function{
		Ref: c.Ref, Settings: c.Settings, Tags: maps.Clone(c.Tags), CodeSHA256: sum, CodeSize: int64(len(c.Zip)),
		Revision: uuid.NewString(), Created: now, Modified: now,
	}
	f.Change = f.Revision
	f.Environment = maps.Clone(c.Environment)
	if err := h.takeLayers(f); err != nil {
		h.codes.release(f.codeKey())
		return nil, err
	}
	shown, err := h.put(ctx, f, "", c.Publish)
	if err != nil {
		h.codes.release(f.folders()...)
		if belfry.KindOf(err) == belfry.Conflict {
			return nil, exists(c.Ref)
		}
		return nil, fmt.Errorf("store %s: %w", f.ARN(), err)
	}
	h.pools.changed(f)
	return shown.clone(), nil
}

func exists(ref Ref) error {
	return &belfry.Error{
		Kind: belfry.Conflict, Code: "ResourceConflictException", Field: "FunctionName",
		Message: "Function already exist: " + ref.Name,
	}
}

// now is the time as it is stored.
func (h *Host) now() time.Time { return h.cfg.Clock.Now().UTC().Truncate(time.Millisecond) }

// put stores f in place of the state replaces, and a version of it if publish
// says so and there is none that is the same. It returns the version, or else f.
func (h *Host) put(ctx context.Context, f *Function, replaces string, publish bool) (*Function, error) {
	var last *Function
	if publish {
		var err error
		if last, err = h.lastVersion(ctx, f); err != nil {
			return nil, err
		}
		if last == nil {
			return h.publish(ctx, f, replaces, nil)
		}
	}
	if err := h.cfg.Store.PutFunction(ctx, f, replaces); err != nil {
		return nil, err
	}
	if last != nil {
		return last, nil
	}
	return f, nil
}

// Get returns a function, or the version of it that the qualifier names: a
// number, or an alias, whose main version it is. An empty qualifier is Latest.
func (h *Host) Get(ctx context.Context, ref Ref, qualifier string) (*Function, error) {
	f, err := h.cfg.Store.Function(ctx, ref)
	if err != nil {
		return nil, h.lookupError(err, ref, qualifier)
	}
	if isLatest(qualifier) {
		return f, nil
	}
	n, ok := f.pick(qualifier, 1)
	if !ok {
		return nil, notFound(ref, qualifier)
	}
	v := f
	if n != 0 {
		if v, err = h.cfg.Store.Version(ctx, ref, n); err != nil {
			return nil, h.lookupError(err, ref, qualifier)
		}
	}
	return f.shown(v, qualifier), nil
}

// List returns the functions that q selects, in the order of name and version.
func (h *Host) List(ctx context.Context, q Query) ([]*Function, error) {
	page, err := h.cfg.Store.Functions(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list functions: %w", err)
	}
	return page, nil
}

// A CodeUpdate replaces a function's code.
type CodeUpdate struct {
	Ref
	Zip          []byte
	Architecture string // empty: as it is
	Revision     string // that the caller expects; empty: any
	DryRun       bool   // check everything and change nothing
	Publish      bool   // a version as well, which is returned
}

// UpdateCode replaces a function's code. Invocations under way end on the old
// one.
func (h *Host) UpdateCode(ctx context.Context, u CodeUpdate) (*Function, error) {
	if len(u.Zip) == 0 {
		return nil, invalid("ZipFile", "Please provide a source for function code.")
	}
	return h.update(ctx, u.Ref, u.Revision, u.DryRun, u.Publish, func(f *Function) (err error) {
		if u.Architecture != "" {
			f.Architecture = u.Architecture
		}
		f.CodeSize = int64(len(u.Zip))
		if !u.DryRun {
			f.CodeSHA256, err = h.codes.add(u.Zip)
			return err
		}
		var size int64
		if f.CodeSHA256, size, err = h.codes.check(u.Zip); err != nil || len(f.Layers) == 0 {
			return err
		}
		return h.checkTotal(f, size)
	})
}

// UpdateSettings changes a function's settings as edit says; nothing is
// changed when edit fails or leaves something that may not be.
func (h *Host) UpdateSettings(ctx context.Context, ref Ref, revision string, edit func(*Settings) error) (*Function, error) {
	return h.update(ctx, ref, revision, false, false, func(f *Function) (err error) {
		role, runtime := f.Role, f.Runtime
		if err := edit(&f.Settings); err != nil {
			return err
		}
		if err := f.check(); err != nil {
			return err
		}
		if f.Runtime != runtime {
			if err := h.checkRuntime(ctx, f.Runtime); err != nil {
				return err
			}
		}
		if _, err := h.egressOf(&f.Settings); err != nil {
			return err
		}
		if f.Role != role {
			if err := h.checkRole(ctx, f.Account, f.Role); err != nil {
				return err
			}
		}
		if f.Layers, err = h.findLayers(ctx, f.Scope, f.Layers); err != nil {
			return err
		}
		h.codes.hold(f.codeKey())
		return nil
	})
}

// update changes a function with edit, which leaves its code held.
func (h *Host) update(ctx context.Context, ref Ref, revision string, dryRun, publish bool, edit func(*Function) error) (*Function, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	old, err := h.Get(ctx, ref, "")
	if err != nil {
		return nil, err
	}
	if err := checkRevision(revision, old.Revision, functionRevisionCall); err != nil {
		return nil, err
	}
	f := old.clone()
	if err := edit(f); err != nil {
		return nil, err
	}
	if dryRun {
		return f, nil
	}
	if err := h.takeLayers(f); err != nil {
		h.codes.release(f.codeKey())
		return nil, err
	}
	f.Revision, f.Modified = uuid.NewString(), h.now()
	f.Change = f.Revision
	shown, err := h.put(ctx, f, old.Change, publish)
	if err != nil {
		h.codes.release(f.folders()...)
		return nil, storeError(err, f)
	}
	h.pools.changed(f)
	h.codes.release(old.folders()...)
	return shown.clone(), nil
}

// storeError words what kept f from being stored in place of another state.
func storeError(err error, f *Function) error {
	switch belfry.KindOf(err) {
	case belfry.Conflict:
		return &belfry.Error{
			Kind: belfry.Conflict, Code: "ResourceConflictException",
			Message: "The operation cannot be performed at this time. An update is in progress for resource: " + f.ARN(),
		}
	case belfry.NotFound:
		return notFound(f.Ref, "")
	}
	return fmt.Errorf("store %s: %w", f.ARN(), err)
}

// amend changes what instances do not notice with edit: tags, permissions and
// limits. edit gets the record of Latest, which keeps those of the qualifier too;
// it is NotFound when there is no such version or alias. It starts again when
// somebody else was faster, so edit must not remember anything.
func (h *Host) amend(ctx context.Context, ref Ref, qualifier string, edit func(*Function) error) (*Function, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	for {
		old, err := h.Get(ctx, ref, "")
		if err == nil && !isLatest(qualifier) {
			_, err = h.Get(ctx, ref, qualifier)
		}
		if err != nil {
			return nil, h.lookupError(err, ref, qualifier)
		}
		f := old.clone()
		if err := edit(f); err != nil {
			return nil, err
		}
		maps.DeleteFunc(f.Attached, func(_ string, a *Attachment) bool { return a.Events == nil && len(a.Policy.Statements) == 0 })
		f.Change = uuid.NewString()
		switch err := h.cfg.Store.PutFunction(ctx, f, old.Change); {
		case err == nil:
			h.pools.changed(f)
			return f.clone(), nil
		case belfry.KindOf(err) == belfry.NotFound:
			return nil, notFound(ref, qualifier)
		case belfry.KindOf(err) != belfry.Conflict:
			return nil, fmt.Errorf("store %s: %w", f.ARN(), err)
		}
	}
}

// functionRevisionCall is where Lambda sends a caller whose revision is not the last.
const functionRevisionCall = "GetFunction/GetAlias"

// checkRevision refuses a change that was decided on another state than the
// present one; an empty expectation is any state. call is what tells the present one.
func checkRevision(expected, present, call string) error {
	if expected == "" || expected == present {
		return nil
	}
	return &belfry.Error{
		Kind: belfry.Conflict, Code: "PreconditionFailedException", Field: "RevisionId",
		Message: "The Revision Id provided does not match the latest Revision Id. Call the " + call + " API to retrieve the latest Revision Id",
	}
}

// Delete removes a function with its versions and the events that wait for it,
// or the version that the qualifier names. Invocations under way end as they
// would have.
func (h *Host) Delete(ctx context.Context, ref Ref, qualifier string) error {
	if qualifier == Latest {
		return invalid("Qualifier", "$LATEST version cannot be deleted without deleting the function.")
	}
	if qualifier != "" {
		return h.deleteVersion(ctx, ref, qualifier)
	}
	if err := h.enter(); err != nil {
		return err
	}
	defer h.leave()
	h.onces.change.Lock()
	defer h.onces.change.Unlock()
	for {
		f, err := h.Get(ctx, ref, qualifier)
		if err != nil {
			return err
		}
		versions, err := h.allVersions(ctx, ref)
		if err != nil {
			return err
		}
		err = h.cfg.Store.DeleteFunction(ctx, ref, f.Change)
		if err != nil {
			switch belfry.KindOf(err) {
			case belfry.Conflict: // it has changed; look again
				continue
			case belfry.NotFound:
				return notFound(ref, qualifier)
			}
			return fmt.Errorf("delete %s: %w", ref.ARN(), err)
		}
		h.pools.deleted(ref)
		h.onces.set(ref, nil)
		h.events.forget(ref)
		h.posts.forget(ref)
		for _, v := range versions {
			h.codes.release(v.folders()...)
		}
		return nil
	}
}

// allVersions returns all versions of a function, Latest too.
func (h *Host) allVersions(ctx context.Context, ref Ref) (all []*Function, err error) {
	q := Query{Scope: ref.Scope, Name: ref.Name, Versions: true, AfterVersion: -1, Limit: 1000}
	for {
		page, err := h.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, v := range page {
			all, q.AfterVersion = append(all, v), v.Version
		}
		if len(page) < q.Limit {
			return all, nil
		}
	}
}

// RuntimeVersionARN names the runtime as GetFunction does.
func RuntimeVersionARN(f *Function) string {
	sum := sha256.Sum256([]byte(f.Runtime))
	return "arn:aws:lambda:" + f.Region + "::runtime:" + hex.EncodeToString(sum[:])
}

// codeLinkAge is how long a link to code is good; Lambda's is ten minutes too.
const codeLinkAge = 10 * time.Minute

// CodeLink returns what a link to the zip of a function or a layer, which has
// that hash in base64, must carry for OpenCode: the code's name and the rest of the
// link's query.
func (h *Host) CodeLink(sha256b64 string) (name, expires, signature string) {
	name = codeKey(sha256b64)
	expires = strconv.FormatInt(h.cfg.Clock.Now().Add(codeLinkAge).Unix(), 10)
	return name, expires, h.sign(name, expires)
}

func (h *Host) sign(name, expires string) string {
	m := hmac.New(sha256.New, h.secret)
	fmt.Fprintf(m, "%s %s", name, expires)
	return hex.EncodeToString(m.Sum(nil))
}

// OpenCode opens the zip that a link names: Denied when the link was not made
// here, or is too old, and NotFound when the code has gone.
func (h *Host) OpenCode(name, expires, signature string) (*os.File, error) {
	until, err := strconv.ParseInt(expires, 10, 64)
	if !hmac.Equal([]byte(signature), []byte(h.sign(name, expires))) || err != nil || h.cfg.Clock.Now().Unix() > until {
		return nil, belfry.Errorf(belfry.Denied, "", "The link is not valid, or not any more.")
	}
	return h.codes.open(name)
}
