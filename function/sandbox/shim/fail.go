package shim

// A stepError is what a step towards the sandbox has failed of. (Package fmt
// would be initialised before this one, with much that it needs.)
type stepError struct {
	step string
	err  error
}

func failed(step string, err error) error { return &stepError{step, err} }

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }
