package h1

import "testing"

// TestATrailerIsHeldOnlyUpToItsLimit hands a trailer line without an end to a body in one piece.
func TestATrailerIsHeldOnlyUpToItsLimit(t *testing.T) {
	b := Body{Limits: Limits{HeadBytes: 1000}}
	b.Start(Framing{Kind: Chunked})
	_, n, err := b.Next(append([]byte("0\r\n"), make([]byte, 1<<20)...))
	if err != errHeadSize || n > 2000 || cap(b.held) > 4000 {
		t.Errorf("got %d bytes used, %d held, %v", n, cap(b.held), err)
	}
}
