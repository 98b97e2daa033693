// Package secret makes the secrets that nobody has configured, keeps them in files, and derives keys from secrets.
package secret

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrNotKept is wrapped by the error of Generated when the secret is good to use and will be another one after a restart.
var ErrNotKept = errors.New("the secret is not kept")

// MinBytes is the least length of a generated secret, in bytes.
const MinBytes = 16

// maxFile bounds what is read of a file, in bytes.
const maxFile = 4096

// Origin says where a secret came from. Zero means that there is none.
type Origin uint8

// The origins.
const (
	Read Origin = iota + 1 // it was in the file
	Made                   // it was made by this call
)

// Generated returns the secret kept in the file name of the directory dir: hexadecimal digits, of at least the given number of bytes.
//
// When there is no such file, a secret is made and kept, readable by this user alone; a missing dir is made as well. Processes that do
// so at the same time agree on one secret. An error that wraps ErrNotKept says why the secret could not be written, and comes with one
// that lasts as long as the caller keeps it. Any other error comes without a secret: the file cannot be read, others than its owner may
// read or write it, or it holds something else. A file that exists is never written to.
func Generated(dir, name string, bytes int) (value string, origin Origin, err error) {
	if name == "." || name == ".." || name != filepath.Base(name) {
		return "", 0, fmt.Errorf("%q is not the name of a file", name)
	}
	if bytes < MinBytes {
		return "", 0, fmt.Errorf("a secret needs at least %d bytes", MinBytes)
	}
	path := filepath.Join(dir, name)
	value, err = read(path, bytes)
	if err == nil {
		return value, Read, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", 0, err
	}
	return generate(path, bytes)
}

// Derive returns n bytes of key material for one purpose, which label names (HKDF with SHA-256 and no salt, RFC 5869). Those of different
// labels say nothing about each other. The result is the caller's. It panics if n is beyond 8160, the most that RFC 5869 2.3 allows.
func Derive(secret, label string, n int) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, label, n)
	if err != nil {
		panic("secret: derive: " + err.Error())
	}
	return key
}

// generate makes a secret and keeps it at path, or returns the one that another process kept there first.
func generate(path string, bytes int) (string, Origin, error) {
	random := make([]byte, bytes)
	rand.Read(random) // never fails
	made := hex.EncodeToString(random)
	err := keep(path, made)
	if errors.Is(err, errTaken) {
		theirs, err := read(path, bytes)
		if err != nil {
			return "", 0, err
		}
		return theirs, Read, nil
	}
	if err != nil {
		return made, Made, fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	return made, Made, nil
}

// read returns the secret in the file at path, or an error that wraps fs.ErrNotExist.
func read(path string, bytes int) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" { // where the bits say nothing
		return "", fmt.Errorf("secret %s: others may read or write it (mode %04o): run chmod 600 on it", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	value := strings.TrimSpace(string(text))
	random, err := hex.DecodeString(value)
	if err != nil || len(random) < bytes || len(text) > maxFile {
		return "", fmt.Errorf("secret %s: it should hold %d hexadecimal digits: restore the file, or remove it to have a new secret made", path, 2*bytes)
	}
	return value, nil
}

// errTaken means that the file has come to exist.
var errTaken = errors.New("another process made the secret")

// keep puts value into a new file at path, whole and on the disk before it has that name. It returns errTaken if there is one.
func keep(path, value string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.WriteString(value + "\n")
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	err = os.Link(temp.Name(), path) // unlike a rename, it replaces nothing
	if errors.Is(err, fs.ErrExist) {
		return errTaken
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a directory's new entry outlive a loss of power.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // which has no such call
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
