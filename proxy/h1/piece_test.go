package h1_test

import (
	"testing"

	"usher/proxy/h1"
)

// FuzzAHeadInPieces holds that a message whose head is there at once and one that arrives in pieces have the same verdict, for the same
// reason, and are read the same, whatever the limits.
func FuzzAHeadInPieces(f *testing.F) {
	for _, file := range []string{"requests.json", "responses.json"} {
		for _, c := range readCases(f, file) {
			if raw := c.bytes(); len(raw) < 4000 {
				f.Add(raw, uint64(0), uint16(0), uint8(0))
				f.Add(raw, uint64(1), uint16(len(raw)/2), uint8(2))
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64, bytes uint16, lines uint8) {
		raw = spliced(raw, seed)
		limits := h1.Limits{HeadBytes: int(bytes), Lines: int(lines)}
		request := readRequest([][]byte{raw}, limits)
		response := readResponse([][]byte{raw}, "GET", true, limits)
		for _, pieces := range [][][]byte{randomPieces(raw, seed), singleBytes(raw)} {
			same(t, readRequest(pieces, limits), request)
			same(t, readResponse(pieces, "GET", true, limits), response)
		}
	})
}

func same(t *testing.T, parted, whole outcome) {
	t.Helper()
	if parted.err != whole.err || parted.String() != whole.String() {
		t.Fatalf("parted: %v\n%s\nwhole: %v\n%s", parted.err, parted, whole.err, whole)
	}
}

func singleBytes(raw []byte) (pieces [][]byte) {
	for i := range raw {
		pieces = append(pieces, raw[i:i+1])
	}
	return pieces
}
