package function

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
)

// lets says whether a layer's policy lets an account use it. There are no
// organizations here, so that a statement for one is for nobody.
func (p Policy) lets(account string) bool {
	for _, s := range p.Statements {
		var anybody string
		var principal struct{ AWS string }
		_ = json.Unmarshal(s.Principal, &anybody)   // it is one of the two
		_ = json.Unmarshal(s.Principal, &principal) // the same
		if len(s.Condition) == 0 && (anybody == "*" || principal.AWS == "arn:aws:iam::"+account+":root") {
			return true
		}
	}
	return false
}

// AddLayerPermission adds a statement to the policy of a layer's version, and
// returns it with the policy's new revision. Conflict when it has one of that id.
func (h *Host) AddLayerPermission(ctx context.Context, ref LayerRef, version int, p Permission) (s Statement, revision string, err error) {
	if s, err = p.statement(ref.versionARN(version)); err != nil {
		return s, "", err
	}
	l, err := h.amendLayer(ctx, ref, version, func(policy *Policy) error { return policy.add(s, p.Revision, layerRevisionCall) })
	if err != nil {
		return s, "", err
	}
	return s, l.Policy.Revision, nil
}

// layerRevisionCall is where Lambda sends a caller whose revision is not the last.
const layerRevisionCall = "GetLayerPolicy"

// LayerPolicy returns the policy of a layer's version; NotFound when it has no
// statement.
func (h *Host) LayerPolicy(ctx context.Context, ref LayerRef, version int) (Policy, error) {
	l, err := h.Layer(ctx, ref.Account, ref, version)
	if err != nil {
		return Policy{}, err
	}
	if len(l.Policy.Statements) == 0 {
		return Policy{}, noResource("No policy is associated with the given resource.")
	}
	return l.Policy, nil
}

// RemoveLayerPermission removes a statement; NotFound when there is none of that id.
func (h *Host) RemoveLayerPermission(ctx context.Context, ref LayerRef, version int, statementID, revision string) error {
	_, err := h.amendLayer(ctx, ref, version, func(policy *Policy) error { return policy.remove(statementID, revision, layerRevisionCall) })
	return err
}

// amendLayer changes the policy of a layer's version with edit. It starts again
// when somebody else was faster, so edit must not remember anything.
func (h *Host) amendLayer(ctx context.Context, ref LayerRef, version int, edit func(*Policy) error) (*Layer, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.leave()
	gone := noResource("Layer version " + ref.versionARN(version) + " does not exist.")
	for {
		l, err := h.Layer(ctx, ref.Account, ref, version)
		if belfry.KindOf(err) == belfry.NotFound {
			return nil, gone
		} else if err != nil {
			return nil, err
		}
		if err := edit(&l.Policy); err != nil {
			return nil, err
		}
		old := l.Change
		l.Change = uuid.NewString()
		switch err := h.cfg.Store.PutLayer(ctx, l, old); {
		case err == nil:
			return l, nil
		case belfry.KindOf(err) == belfry.NotFound:
			return nil, gone
		case belfry.KindOf(err) != belfry.Conflict:
			return nil, fmt.Errorf("store %s: %w", l.VersionARN(), err)
		}
	}
}
