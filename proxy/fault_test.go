package proxy

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestEveryFailureHasItsStatus(t *testing.T) {
	for err, want := range map[error]struct {
		status int
		retry  bool // the answer says when to come again
	}{
		ErrUnsent: {502, false}, ErrTimeout: {504, false}, ErrAnswer: {502, false}, ErrClientGone: {499, false},
		ErrBodyTooLarge: {413, false}, ErrSlowBody: {408, false}, ErrClientBody: {400, false}, ErrTarget: {400, false},
		errBadRequest: {400, false}, errBadEscape: {400, false}, errNUL: {400, false}, errAmbiguous: {400, false}, errHeaderSize: {431, false},
		errConnect: {405, false}, errNoListener: {503, true}, errNoRoute: {404, false}, errNoBackend: {503, true}, errBoundGone: {503, true},
		io.EOF: {500, false},
	} {
		for _, e := range []error{err, fmt.Errorf("context: %w", err), Because(err, io.ErrUnexpectedEOF)} {
			f := faultFor(e)
			if f.status != want.status || (f.retryAfter != "") != want.retry || f.text == "" {
				t.Errorf("%v: got %d %q, Retry-After %q; want %d", e, f.status, f.text, f.retryAfter, want.status)
			}
		}
	}
	if len(faults) != 18 {
		t.Errorf("the table has %d rows, and this test knows 18", len(faults))
	}
}

func TestTheClientsFaultCountsBeforeTheBackends(t *testing.T) {
	for _, backends := range []error{ErrUnsent, ErrTimeout, ErrAnswer} {
		if got := faultFor(Because(backends, Because(ErrClientGone, io.EOF))); got.status != StatusClientGone {
			t.Errorf("%v, as the client was gone: got %d, want 499", backends, got.status)
		}
	}
	if got := faultFor(Because(errBoundGone, ErrUnsent)); got.status != 503 {
		t.Errorf("bound backend not reached: got %d, want 503", got.status)
	}
}

func TestBecauseKeepsTheReasonAndTheKind(t *testing.T) {
	why := fmt.Errorf("dial: %w", io.EOF)
	if got := Because(ErrUnsent, why); !errors.Is(got, ErrUnsent) || !errors.Is(got, io.EOF) {
		t.Errorf("got %v, want both", got)
	}
	once := Because(ErrUnsent, why)
	if got := Because(ErrUnsent, once); got != once {
		t.Errorf("of the kind already: got %v, want it as it was", got)
	}
}
