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
	Zip  []byte
	Tags map[string]string
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
	if err := h.cfg.Store.PutFunction(ctx, f, ""); err != nil {
		h.codes.release(f.codeKey())
		if belfry.KindOf(err) == belfry.Conflict {
			return nil, exists(c.Ref)
		}
		return nil, fmt.Errorf("store %s: %w", f.ARN(), err)
	}
	h.pools.changed(f)
	return f.clone(), nil
}

func exists(ref Ref) error {
	return &belfry.Error{
		Kind: belfry.Conflict, Code: "ResourceConflictException", Field: "FunctionName",
		Message: "Function already exist: " + ref.Name,
	}
}

// now is the time as it is stored.
func (h *Host) now() time.Time { return h.cfg.Clock.Now().UTC().Truncate(time.Millisecond) }

// Get returns a function; an empty qualifier is Latest.
func (h *Host) Get(ctx context.Context, ref Ref, qualifier string) (*Function, error) {
	if qualifier != "" && qualifier != Latest {
		return nil, notFound(ref, qualifier)
	}
	f, err := h.cfg.Store.Function(ctx, ref)
	if err != nil {
		return nil, h.lookupError(err, ref, qualifier)
	}
	return f, nil
}

// List returns up to limit functions of a scope, by name, after the one named
// after.
func (h *Host) List(ctx context.Context, scope belfry.Scope, after string, limit int) ([]*Function, error) {
	page, err := h.cfg.Store.Functions(ctx, Query{Scope: scope, After: Ref{Scope: scope, Name: after}, Limit: limit})
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
}

// UpdateCode replaces a function's code. Invocations under way end on the old
// one.
func (h *Host) UpdateCode(ctx context.Context, u CodeUpdate) (*Function, error) {
	if len(u.Zip) == 0 {
		return nil, invalid("ZipFile", "Please provide a source for function code.")
	}
	return h.update(ctx, u.Ref, u.Revision, u.DryRun, func(f *Function) (err error) {
		if u.Architecture != "" {
			f.Architecture = u.Architecture
		}
		f.CodeSize = int64(len(u.Zip))
		if u.DryRun {
			f.CodeSHA256, err = h.codes.check(u.Zip)
		} else {
			f.CodeSHA256, err = h.codes.add(u.Zip)
		}
		return err
	})
}

// UpdateSettings changes a function's settings as edit says; nothing is
// changed when edit fails or leaves something that may not be.
func (h *Host) UpdateSettings(ctx context.Context, ref Ref, revision string, edit func(*Settings) error) (*Function, error) {
	return h.update(ctx, ref, revision, false, func(f *Function) error {
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
		h.codes.hold(f.codeKey())
		return nil
	})
}

// update changes a function with edit, which leaves its code held.
func (h *Host) update(ctx context.Context, ref Ref, revision string, dryRun bool, edit func(*Function) error) (*Function, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	old, err := h.Get(ctx, ref, "")
	if err != nil {
		return nil, err
	}
	if err := checkRevision(revision, old.Revision); err != nil {
		return nil, err
	}
	f := old.clone()
	if err := edit(f); err != nil {
		return nil, err
	}
	if dryRun {
		return f, nil
	}
	f.Revision, f.Modified = uuid.NewString(), h.now()
	f.Change = f.Revision
	if err := h.cfg.Store.PutFunction(ctx, f, old.Change); err != nil {
		h.codes.release(f.codeKey())
		switch belfry.KindOf(err) {
		case belfry.Conflict:
			return nil, &belfry.Error{
				Kind: belfry.Conflict, Code: "ResourceConflictException",
				Message: "The operation cannot be performed at this time. An update is in progress for resource: " + ref.ARN(),
			}
		case belfry.NotFound:
			return nil, notFound(ref, "")
		}
		return nil, fmt.Errorf("store %s: %w", f.ARN(), err)
	}
	h.pools.changed(f)
	h.codes.release(old.codeKey())
	return f.clone(), nil
}

// amend changes what instances do not notice with edit: tags, permissions and
// limits. It starts again when somebody else was faster, so edit must not
// remember anything.
func (h *Host) amend(ctx context.Context, ref Ref, qualifier string, edit func(*Function) error) (*Function, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	for {
		old, err := h.Get(ctx, ref, qualifier)
		if err != nil {
			return nil, err
		}
		f := old.clone()
		if err := edit(f); err != nil {
			return nil, err
		}
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

// checkRevision refuses a change that was decided on another state than the
// present one; an empty expectation is any state.
func checkRevision(expected, present string) error {
	if expected == "" || expected == present {
		return nil
	}
	return &belfry.Error{
		Kind: belfry.Conflict, Code: "PreconditionFailedException", Field: "RevisionId",
		Message: "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
	}
}

// Delete removes a function, and the events that wait for it. Invocations
// under way end as they would have.
func (h *Host) Delete(ctx context.Context, ref Ref, qualifier string) error {
	if qualifier == Latest {
		return invalid("Qualifier", "$LATEST version cannot be deleted without deleting the function.")
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
		h.codes.release(f.codeKey())
		return nil
	}
}

// RuntimeVersionARN names the runtime as GetFunction does.
func RuntimeVersionARN(f *Function) string {
	sum := sha256.Sum256([]byte(f.Runtime))
	return "arn:aws:lambda:" + f.Region + "::runtime:" + hex.EncodeToString(sum[:])
}

// codeLinkAge is how long a link to code is good; Lambda's is ten minutes too.
const codeLinkAge = 10 * time.Minute

// CodeLink returns what a link to the function's zip must carry for OpenCode:
// the code's name and the rest of the link's query.
func (h *Host) CodeLink(f *Function) (name, expires, signature string) {
	name = f.codeKey()
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
