package ecstest_test

// ptr returns a pointer to a copy of v, for fields in which absent and zero differ.
func ptr[T any](v T) *T { return &v }
