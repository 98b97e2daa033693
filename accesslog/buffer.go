package accesslog

import "sync"

// buffer holds lines until they are written. Event loops have a shard each and wait for nobody: a shard's lock is held for a copy in memory
// by who adds, and for a swap of two slices by who takes.
type buffer struct {
	// filling receives when there is enough to be worth a write. It has room for one.
	filling chan struct{}

	blocks blocks
	shards [shards]shard
}

// shard holds the lines of one event loop, in their order.
type shard struct {
	mu      sync.Mutex // guards what follows, but for spare
	pending [][]byte   // blocks; the last one is being filled
	dropped int        // lines for which there was no room

	spare [][]byte // the next pending, empty; belongs to take
	_     [64]byte // the next shard is on other cache lines
}

// blocks is the memory that shards borrow, a block at a time and not at every line.
type blocks struct {
	mu   sync.Mutex // guards what follows
	lent int        // bytes
	free [][]byte

	_ [64]byte
}

// Sizes in bytes: what is worth a write, the most that waits for one, and a block.
const (
	worthWriting = 64 << 10
	mostPending  = 4 << 20
	blockSize    = 8 << 10
)

// shards is a power of two, and more than most machines have processors.
const shards = 64

// add takes a copy of a line that was made by the event loop with that number, or counts it as dropped.
func (b *buffer) add(loop int, line []byte) {
	s := &b.shards[loop&(shards-1)]
	s.mu.Lock()
	enough := false
	if s.room() < len(line) {
		enough = s.grow(&b.blocks, len(line))
	}
	if s.room() < len(line) {
		s.dropped++
	} else {
		last := &s.pending[len(s.pending)-1]
		*last = append(*last, line...)
	}
	s.mu.Unlock()
	if enough {
		select {
		case b.filling <- struct{}{}:
		default:
		}
	}
}

// room is what fits into the last block.
func (s *shard) room() int {
	if len(s.pending) == 0 {
		return -1
	}
	last := s.pending[len(s.pending)-1]
	return cap(last) - len(last)
}

// grow borrows a block for so many bytes, unless too much is waiting already. It reports whether there is enough to be worth a write. The first
// block says nothing of that: a shard borrows it for a single line.
func (s *shard) grow(from *blocks, size int) (enough bool) {
	block, lent := from.borrow(size)
	if block != nil {
		s.pending = append(s.pending, block)
	}
	return lent > worthWriting && (len(s.pending) > 1 || size > blockSize)
}

// borrow returns an empty block that holds size bytes or more, or nil if it would be too much, and how many bytes are lent now.
func (b *blocks) borrow(size int) (block []byte, lent int) {
	size = max(size, blockSize)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lent+size > mostPending {
		return nil, b.lent
	}
	b.lent += size
	if last := len(b.free) - 1; last >= 0 && size == blockSize {
		block, b.free = b.free[last], b.free[:last]
		return block, b.lent
	}
	return make([]byte, 0, size), b.lent
}

// giveBack ends the loan of all. Blocks of a line that was too long for one are not kept.
func (b *blocks) giveBack(all [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, block := range all {
		b.lent -= cap(block)
		if cap(block) == blockSize {
			b.free = append(b.free, block[:0])
		}
	}
}

// take returns the lines that wait, and how many were dropped since the last call. The lines are the caller's, in the memory of into, which may
// be nil and is given up for them. There is one call at a time.
func (b *buffer) take(into []byte) (lines []byte, dropped int) {
	lines = into[:0]
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		taken := s.pending
		dropped += s.dropped
		s.pending, s.dropped = s.spare, 0
		s.mu.Unlock()
		for _, block := range taken {
			lines = append(lines, block...)
		}
		b.blocks.giveBack(taken)
		clear(taken)
		s.spare = taken[:0]
	}
	return lines, dropped
}

// dropping reports whether lines were dropped since the last take.
func (b *buffer) dropping() bool {
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		dropped := s.dropped
		s.mu.Unlock()
		if dropped > 0 {
			return true
		}
	}
	return false
}
