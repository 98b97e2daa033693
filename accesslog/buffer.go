package accesslog

import "sync"

// buffer holds lines until they are written. The lock is held for a copy in memory only.
type buffer struct {
	// filling receives when there is enough to be worth a write. It has room for one.
	filling chan struct{}

	mu      sync.Mutex // guards what follows
	pending []byte
	dropped int // lines for which there was no room
}

// Sizes in bytes: what is worth a write, and the most that waits for one.
const (
	worthWriting = 64 << 10
	mostPending  = 4 << 20
)

// add takes a copy of a line, or counts it as dropped.
func (b *buffer) add(line []byte) {
	b.mu.Lock()
	if len(b.pending)+len(line) > mostPending {
		b.dropped++
	} else {
		b.pending = append(b.pending, line...)
	}
	enough := len(b.pending) >= worthWriting
	b.mu.Unlock()
	if enough {
		select {
		case b.filling <- struct{}{}:
		default:
		}
	}
}

// take returns the lines that wait, and how many were dropped since the last call. The lines are the caller's; spare, which may be nil, is
// given up for them, and holds the next.
func (b *buffer) take(spare []byte) (lines []byte, dropped int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines, dropped = b.pending, b.dropped
	b.pending, b.dropped = spare[:0], 0
	return lines, dropped
}

// dropping reports whether lines were dropped since the last take.
func (b *buffer) dropping() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped > 0
}
