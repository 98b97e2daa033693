//go:build !linux && !darwin

package main

import "os"

// singleKeys does nothing here: keys are followed by Enter.
func singleKeys(*os.File) (undo func()) { return func() {} }
