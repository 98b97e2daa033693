//go:build linux || darwin

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// singleKeys has the terminal hand on each key at once and not show it; Ctrl-C stays a signal. The function that it returns undoes that.
// What is no terminal is left alone.
func singleKeys(f *os.File) (undo func()) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return func() {}
	}
	single := *before
	single.Lflag &^= unix.ICANON | unix.ECHO
	single.Cc[unix.VMIN], single.Cc[unix.VTIME] = 1, 0
	if unix.IoctlSetTermios(fd, setTermios, &single) != nil {
		return func() {}
	}
	return func() { unix.IoctlSetTermios(fd, setTermios, before) }
}
