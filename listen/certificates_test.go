package listen

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestReplacedFilesAreServedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	a, b := write(t, dir, "a", newECDSA(), 1, "a.test"), write(t, dir, "b", newECDSA(), 2, "b.test")
	certs := load(t, a, b)
	l := start(t, config(), certs)
	wantRefresh(t, certs, false, "")

	write(t, dir, "b", newECDSA(), 3, "new.test")
	if got := served(t, l, "b.test"); got != 2 {
		t.Errorf("before Refresh: got certificate %d, want 2", got)
	}
	before := *certs.pairs.Load()
	wantRefresh(t, certs, true, "")
	if got := before[1].cert.Leaf.SerialNumber.Int64(); got != 2 {
		t.Errorf("what is read without a lock was changed in place: got certificate %d, want 2", got)
	}
	if got := served(t, l, "new.test"); got != 3 {
		t.Errorf("after Refresh: got certificate %d, want 3", got)
	}
	if got := served(t, l, "b.test"); got != 1 {
		t.Errorf("a name that is gone: got certificate %d, want the first", got)
	}
	wantRefresh(t, certs, false, "")
}

func TestFilesThatCannotBeUsedLeaveTheOldInUse(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, files Certificate){
		"not PEM": func(t *testing.T, f Certificate) { put(t, f.Cert, []byte("nothing")) },
		"gone":    func(t *testing.T, f Certificate) { os.Remove(f.Cert) },
		"half a renewal": func(t *testing.T, f Certificate) {
			put(t, f.Cert, read(t, write(t, t.TempDir(), "x", newECDSA(), 9).Cert))
		},
		"endless": func(t *testing.T, f Certificate) {
			put(t, f.Cert, append(read(t, f.Cert), bytes.Repeat([]byte("\n"), maxPEM)...))
		},
		"empty certificate": func(t *testing.T, f Certificate) { put(t, f.Cert, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a, b := write(t, dir, "a", newECDSA(), 1, "a.test"), write(t, dir, "b", newECDSA(), 2, "b.test")
			certs := load(t, a, b)
			l := start(t, config(), certs)
			spoil(t, a)
			write(t, dir, "b", newECDSA(), 3, "b.test")
			wantRefresh(t, certs, true, a.Cert) // b is refreshed, a's error does not hinder that
			wantRefresh(t, certs, false, a.Cert)
			if got := served(t, l, "a.test"); got != 1 {
				t.Errorf("a: got certificate %d, want the old", got)
			}
			if got := served(t, l, "b.test"); got != 3 {
				t.Errorf("b: got certificate %d, want the new", got)
			}
			write(t, dir, "a", newECDSA(), 4, "a.test")
			wantRefresh(t, certs, true, "")
			if got := served(t, l, "a.test"); got != 4 {
				t.Errorf("a, mended: got certificate %d, want 4", got)
			}
		})
	}
}

func TestLoadingNamesEveryFileThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	good := write(t, dir, "good", newECDSA(), 1, "a.test")
	other := write(t, dir, "other", newECDSA(), 2, "b.test")
	for _, tt := range []struct {
		what  string
		files []Certificate
		want  []string
	}{
		{"none", nil, []string{"needs a certificate"}},
		{"missing", []Certificate{good, {Cert: dir + "/no.pem", Key: good.Key}, {Cert: good.Cert, Key: dir + "/no.key"}}, []string{"no.pem", "no.key"}},
		{"another's key", []Certificate{{Cert: good.Cert, Key: other.Key}}, []string{good.Cert, other.Key, "does not match"}},
		{"swapped", []Certificate{{Cert: good.Key, Key: good.Cert}}, []string{good.Cert}},
		{"directory", []Certificate{{Cert: dir, Key: good.Key}}, []string{dir}},
	} {
		_, err := LoadCertificates(TLSConfig{Certificates: tt.files})
		for _, w := range tt.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, want %q in it", tt.what, err, w)
			}
		}
	}
}

func TestCertificatesAreRefreshedAtEachInterval(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a := write(t, dir, "a", newECDSA(), 1, "a.test")
		certs := load(t, a)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		var errs []error
		wg.Go(func() { certs.Run(ctx, time.Minute, func(err error) { errs = append(errs, err) }) })

		before := certs.NotAfter()[a.Cert]
		write(t, dir, "a", newECDSA(), 5, "a.test")
		time.Sleep(time.Minute) // by the bubble's clock
		synctest.Wait()
		if got := certs.NotAfter()[a.Cert]; !got.After(before) {
			t.Errorf("after a minute: got a certificate until %v, want one until later than %v", got, before)
		}
		os.Remove(filepath.Join(dir, "a.key"))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(errs) != 2 || !strings.Contains(errs[0].Error(), "a.key") {
			t.Errorf("got %v, want two errors that name a.key", errs)
		}
	})
}

func wantRefresh(t *testing.T, c *Certificates, changed bool, file string) {
	t.Helper()
	got, err := c.Refresh()
	if got != changed {
		t.Errorf("Refresh: got changed %v, want %v", got, changed)
	}
	if (err != nil) != (file != "") || err != nil && !strings.Contains(err.Error(), file) {
		t.Errorf("Refresh: got %v, want an error about %q", err, file)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
