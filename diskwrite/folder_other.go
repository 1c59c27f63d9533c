//go:build !unix

package diskwrite

// syncFolder does nothing: this system has no call that makes a folder durable.
func syncFolder(string) error { return nil }
