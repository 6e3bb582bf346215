package function

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
)

// MaxAliases of one function; ours, Lambda publishes none. They are kept in the
// function's record.
const MaxAliases = 1000

// An Alias is a name for a version, or for two between which invocations are
// divided.
type Alias struct {
	Name        string  `json:"name"`
	Version     int     `json:"version"` // 0 is Latest
	Description string  `json:"description,omitempty"`
	Other       int     `json:"other,omitempty"`  // a second version
	Weight      float64 `json:"weight,omitempty"` // share of the invocations that it gets, [0, 1]; 0: there is none
	Revision    string  `json:"revision"`         // new at every change
}

// VersionName returns the alias's main version as clients know it.
func (a *Alias) VersionName() string { return (&Function{Version: a.Version}).VersionName() }

// aliases returns the function's aliases by name.
func (f *Function) aliases() []*Alias {
	list := make([]*Alias, 0, len(f.Aliases))
	for _, name := range slices.Sorted(maps.Keys(f.Aliases)) {
		list = append(list, f.Aliases[name])
	}
	return list
}

// An AliasEdit is what a client wants of an alias; nil leaves what is there.
type AliasEdit struct {
	Ref
	Name        string
	Version     *string // a number, or Latest
	Description *string
	Weights     map[string]float64 // of a second version; empty takes it away
	Revision    string             // that the caller expects; empty: any
}

// CreateAlias adds an alias. Conflict when there is one of that name.
func (h *Host) CreateAlias(ctx context.Context, e AliasEdit) (*Alias, error) {
	return h.putAlias(ctx, e, func(f *Function) (*Alias, error) {
		if f.Aliases[e.Name] != nil {
			return nil, &belfry.Error{
				Kind: belfry.Conflict, Code: "ResourceConflictException", Field: "Name",
				Message: "Alias already exists: " + e.ARN() + ":" + e.Name,
			}
		}
		if len(f.Aliases) >= MaxAliases {
			return nil, &belfry.Error{
				Kind: belfry.Quota, Code: "InvalidParameterValueException", Field: "Name",
				Message: fmt.Sprintf("The function has %d aliases, and can have no more; delete one first.", MaxAliases),
			}
		}
		return &Alias{Name: e.Name}, nil
	})
}

// UpdateAlias changes an alias; NotFound when there is none.
func (h *Host) UpdateAlias(ctx context.Context, e AliasEdit) (*Alias, error) {
	return h.putAlias(ctx, e, func(f *Function) (*Alias, error) {
		old := f.Aliases[e.Name]
		if old == nil {
			return nil, noAlias(e.Ref, e.Name)
		}
		if err := checkRevision(e.Revision, old.Revision, functionRevisionCall); err != nil {
			return nil, err
		}
		return new(*old), nil
	})
}

func noAlias(ref Ref, name string) error {
	return noResource("Cannot find alias arn: " + ref.ARN() + ":" + name)
}

// putAlias applies e to what from returns.
func (h *Host) putAlias(ctx context.Context, e AliasEdit, from func(*Function) (*Alias, error)) (*Alias, error) {
	var a *Alias
	_, err := h.amend(ctx, e.Ref, "", func(f *Function) (err error) {
		if a, err = from(f); err != nil {
			return err
		}
		if e.Description != nil {
			if a.Description = *e.Description; utf8.RuneCountInString(a.Description) > 256 {
				return constraint("Description", "description", a.Description, "Member must have length less than or equal to 256")
			}
		}
		if err := h.point(ctx, a, &e); err != nil {
			return err
		}
		a.Revision = uuid.NewString()
		if f.Aliases == nil {
			f.Aliases = map[string]*Alias{}
		}
		f.Aliases[a.Name] = a
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// point sets the versions of an alias.
func (h *Host) point(ctx context.Context, a *Alias, e *AliasEdit) (err error) {
	if e.Version != nil {
		if a.Version, err = h.version(ctx, e.Ref, *e.Version); err != nil {
			return err
		}
	}
	if e.Weights != nil {
		a.Other, a.Weight = 0, 0
	}
	if len(e.Weights) > 1 {
		return invalid("RoutingConfig", "Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	for other, weight := range e.Weights {
		if !(weight >= 0 && weight <= 1) {
			return constraint("RoutingConfig", "routingConfig.additionalVersionWeights", "{"+other+"="+strconv.FormatFloat(weight, 'g', -1, 64)+"}",
				"Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]")
		}
		if n, number := versionNumber(other); !number || n == 0 {
			return constraint("RoutingConfig", "routingConfig.additionalVersionWeights", "{"+other+"="+strconv.FormatFloat(weight, 'g', -1, 64)+"}",
				"Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]")
		}
		if a.Other, err = h.version(ctx, e.Ref, other); err != nil {
			return err
		}
		a.Weight = weight
	}
	switch {
	case a.Weight == 0:
		a.Other = 0
	case a.Version == 0:
		return invalid("RoutingConfig", "$LATEST is not supported for an alias pointing to more than 1 version")
	case a.Other == a.Version:
		return invalid("RoutingConfig", fmt.Sprintf("Invalid function version %d. Function version %d is already included in routing configuration.", a.Other, a.Other))
	}
	return nil
}

// version returns the number of a version that is there.
func (h *Host) version(ctx context.Context, ref Ref, name string) (int, error) {
	n, ok := versionNumber(name)
	if !ok {
		return 0, constraint("FunctionVersion", "functionVersion", name, `Member must satisfy regular expression pattern: (\$LATEST|[0-9]+)`)
	}
	_, err := h.cfg.Store.Version(ctx, ref, n)
	if err != nil {
		return 0, h.lookupError(err, ref, name)
	}
	return n, nil
}

// Alias returns an alias; NotFound when there is none.
func (h *Host) Alias(ctx context.Context, ref Ref, name string) (*Alias, error) {
	f, err := h.Get(ctx, ref, "")
	if belfry.KindOf(err) == belfry.NotFound {
		return nil, noAlias(ref, name)
	}
	if err != nil {
		return nil, err
	}
	if a := f.Aliases[name]; a != nil {
		return a, nil
	}
	return nil, noAlias(ref, name)
}

// Aliases returns the aliases of a function by name, those of one version when
// that is not empty.
func (h *Host) Aliases(ctx context.Context, ref Ref, version string) ([]*Alias, error) {
	f, err := h.Get(ctx, ref, "")
	if err != nil {
		return nil, err
	}
	list := f.aliases()
	if version == "" {
		return list, nil
	}
	n, ok := versionNumber(version)
	return slices.DeleteFunc(list, func(a *Alias) bool { return !ok || a.Version != n && (a.Weight == 0 || a.Other != n) }), nil
}

// DeleteAlias removes an alias, and what it has of its own. It is no error when
// there is none.
func (h *Host) DeleteAlias(ctx context.Context, ref Ref, name string) error {
	_, err := h.amend(ctx, ref, "", func(f *Function) error {
		delete(f.Aliases, name)
		delete(f.Attached, name)
		return nil
	})
	return err
}
