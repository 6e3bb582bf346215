package table

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/belfry-run/belfry"
)

// Limits of tables (semantics.md 5.4).
const (
	minName       = 3
	maxName       = 255
	maxAttribute  = 255 // bytes of a key attribute's name
	maxTags       = 50
	maxTagKey     = 128
	maxTagValue   = 256
	maxTablesPage = 100
)

// CheckName refuses what cannot be a table's name.
func CheckName(name string) error {
	if len(name) < minName || len(name) > maxName {
		return invalid("TableName must be at least 3 characters long and at most 255 characters long")
	}
	for i := range len(name) {
		if c := name[i]; !wordByte(c) && c != '.' && c != '-' {
			return invalid("1 validation error detected: Value '%s' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+", name)
		}
	}
	return nil
}

// Create makes a table with these settings.
func (s *Service) Create(ctx context.Context, scope belfry.Scope, name string, settings Settings) (*Table, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	for i, k := range []KeyAttribute{settings.Hash, settings.Range} {
		if i == 1 && k.Name == "" {
			break
		}
		if k.Name == "" || len(k.Name) > maxAttribute {
			return nil, parameters("A key attribute's name has 1 to %d bytes", maxAttribute)
		}
		if k.Type != S && k.Type != N && k.Type != B {
			return nil, parameters("A key attribute is of type S, N or B; attribute: %s", k.Name)
		}
	}
	if settings.Hash.Name == settings.Range.Name {
		return nil, parameters("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	}
	if err := settings.checkBilling(); err != nil {
		return nil, err
	}
	if err := checkTags(settings.Tags); err != nil {
		return nil, err
	}
	now := s.now()
	settings.UUID = uuid.NewString()
	if settings.OnDemand {
		settings.Billed = now
	}
	t, err := s.store.CreateTable(ctx, Table{Scope: scope, Name: name, Created: now, Settings: settings})
	if err != nil {
		return nil, err
	}
	s.forget(scope, name)
	return &t, nil
}

func (c *Settings) checkBilling() error {
	switch {
	case c.OnDemand && (c.ReadUnits != 0 || c.WriteUnits != 0):
		return parameters("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case !c.OnDemand && (c.ReadUnits < 1 || c.WriteUnits < 1):
		return parameters("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	return nil
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return invalid("Too many tags: a table has at most %d", maxTags)
	}
	for k, v := range tags {
		if k == "" || len([]rune(k)) > maxTagKey || len([]rune(v)) > maxTagValue {
			return invalid("A tag's key has 1 to %d characters and its value at most %d; key: %.128s", maxTagKey, maxTagValue, k)
		}
	}
	return nil
}

// Describe returns a table as it is now, with the number of its items and the
// bytes that they take. Expired items count until they have left the store.
func (s *Service) Describe(ctx context.Context, scope belfry.Scope, name string) (t *Table, items, bytes int64, err error) {
	if t, err = s.find(ctx, scope, name); err != nil {
		return nil, 0, 0, err
	}
	items, bytes, err = s.store.Totals(ctx, t.ID)
	if belfry.KindOf(err) == belfry.NotFound {
		err = noTable(name)
	}
	return t, items, bytes, err
}

// find reads a table from the store, not from the cache.
func (s *Service) find(ctx context.Context, scope belfry.Scope, name string) (*Table, error) {
	t, err := s.store.Table(ctx, scope, name)
	if belfry.KindOf(err) == belfry.NotFound {
		return nil, noTable(name)
	}
	return &t, err
}

// List returns at most limit names of tables that follow after, in order, and
// whether there are more. A limit of 0 is 100.
func (s *Service) List(ctx context.Context, scope belfry.Scope, after string, limit int) (names []string, more bool, err error) {
	if limit <= 0 || limit > maxTablesPage {
		limit = maxTablesPage
	}
	names, err = s.store.Tables(ctx, scope, after, limit+1)
	if more = len(names) > limit; more {
		names = names[:limit]
	}
	return names, more, err
}

// Update changes a table's settings to what change makes of them. The key and
// the UUID stay.
func (s *Service) Update(ctx context.Context, scope belfry.Scope, name string, change func(*Settings) error) (*Table, error) {
	for i := 1; ; i++ {
		t, err := s.find(ctx, scope, name)
		if err != nil {
			return nil, err
		}
		next := *t
		next.Settings.Tags = maps.Clone(t.Settings.Tags)
		if err := change(&next.Settings); err != nil {
			return nil, err
		}
		if err := next.Settings.checkBilling(); err != nil {
			return nil, err
		}
		if next.Settings.OnDemand && !t.Settings.OnDemand {
			next.Settings.Billed = s.now()
		}
		err = s.store.UpdateTable(ctx, next)
		s.forget(scope, name)
		if isStale(err) && i < maxTries {
			continue
		}
		if belfry.KindOf(err) == belfry.NotFound {
			err = noTable(name)
		}
		next.Revision++
		return &next, err
	}
}

// Delete removes a table with all that it holds and returns what it was.
func (s *Service) Delete(ctx context.Context, scope belfry.Scope, name string) (*Table, error) {
	t, err := s.find(ctx, scope, name)
	if err != nil {
		return nil, err
	}
	if t.Settings.Protected {
		return nil, invalid("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
	}
	err = s.store.DeleteTable(ctx, t.ID)
	s.forget(scope, name)
	if belfry.KindOf(err) == belfry.NotFound {
		err = noTable(name)
	}
	return t, err
}

// Tag sets tags and leaves the others; Untag takes some away.
func (s *Service) Tag(ctx context.Context, scope belfry.Scope, name string, tags map[string]string) error {
	_, err := s.Update(ctx, scope, name, func(c *Settings) error {
		if c.Tags == nil {
			c.Tags = map[string]string{}
		}
		maps.Copy(c.Tags, tags)
		return checkTags(c.Tags)
	})
	return err
}

// Untag takes tags away; those that are not there are no error.
func (s *Service) Untag(ctx context.Context, scope belfry.Scope, name string, keys []string) error {
	_, err := s.Update(ctx, scope, name, func(c *Settings) error {
		maps.DeleteFunc(c.Tags, func(k, _ string) bool { return slices.Contains(keys, k) })
		return nil
	})
	return err
}

// SetTTL turns a table's time to live on, by this attribute, or off.
func (s *Service) SetTTL(ctx context.Context, scope belfry.Scope, name, attribute string, on bool) error {
	if attribute == "" || len(attribute) > maxAttribute {
		return parameters("A time to live attribute's name has 1 to %d bytes", maxAttribute)
	}
	_, err := s.Update(ctx, scope, name, func(c *Settings) error {
		switch {
		case on && c.TTL.Attribute == attribute:
			return invalid("TimeToLive is already enabled")
		case on && c.TTL.Attribute != "":
			return invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", c.TTL.Attribute)
		case !on && c.TTL.Attribute == "":
			return invalid("TimeToLive is already disabled")
		case !on && c.TTL.Attribute != attribute:
			return invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", c.TTL.Attribute)
		}
		c.TTL = TTL{}
		if on {
			c.TTL = TTL{Attribute: attribute, Adopting: true}
		}
		return nil
	})
	if err == nil {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return err
}
