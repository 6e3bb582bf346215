package awswire

// Value returns what p points to, or the zero value when p is nil.
func Value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// Or returns what p points to, or v when p is nil.
func Or[T any](p *T, v T) T {
	if p == nil {
		return v
	}
	return *p
}
