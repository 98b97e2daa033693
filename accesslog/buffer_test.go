package accesslog

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func newBuffer() *buffer { return &buffer{filling: make(chan struct{}, 1)} }

// fill adds lines of a kilobyte by turns for so many loops until one is dropped, and returns how many went in.
func fill(b *buffer, loops int) (lines int) {
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for !b.dropping() {
		b.add(lines%loops, line)
		lines++
	}
	return lines - 1
}

func TestWhatWaitsIsBoundedForAllLoopsTogether(t *testing.T) {
	for _, loops := range []int{1, 2, shards, 3 * shards} {
		b := newBuffer()
		for range 3 { // what is taken makes room
			n := fill(b, loops)
			lines, dropped := b.take(nil)
			if n != mostPending>>10 || len(lines) != mostPending || dropped != 1 {
				t.Errorf("%d loops: %d lines of 1 KiB fit; got %d bytes and %d lines dropped", loops, n, len(lines), dropped)
			}
		}
	}
}

func TestALineThatDoesNotFitLeavesRoomForOthers(t *testing.T) {
	b := newBuffer()
	b.add(5, []byte("a\n"))
	if b.dropping() {
		t.Error("dropping before anything was")
	}
	b.add(5, make([]byte, mostPending))
	if !b.dropping() {
		t.Error("not dropping")
	}
	b.add(6, []byte("b\n"))
	if lines, dropped := b.take(nil); string(lines) != "a\nb\n" || dropped != 1 {
		t.Errorf("got %q, %d dropped", lines, dropped)
	}
}

func TestLinesOfALoopStayInOrder(t *testing.T) {
	const loops, each = 8, 2000
	b := newBuffer()
	var all sync.WaitGroup
	for i := range loops {
		all.Go(func() {
			for n := range each {
				b.add(i, fmt.Appendf(nil, "%d %d\n", i, n))
			}
		})
	}
	over := make(chan struct{})
	go func() {
		all.Wait()
		close(over)
	}()
	var text, batch []byte
	for last := false; !last; {
		select {
		case <-over:
			last = true
		default:
		}
		batch, _ = b.take(batch)
		text = append(text, batch...)
	}
	next := map[int]int{}
	for line := range bytes.Lines(text) {
		var i, n int
		if _, err := fmt.Sscan(string(line), &i, &n); err != nil || next[i] != n {
			t.Fatalf("got %q, want line %d of that loop: %v", line, next[i], err)
		}
		next[i]++
	}
	for i := range loops {
		if next[i] != each {
			t.Errorf("loop %d: got %d lines, want %d", i, next[i], each)
		}
	}
}

func TestAWriteIsAskedForWhenItIsWorthIt(t *testing.T) {
	b := newBuffer()
	for i := range shards {
		b.add(i, []byte("a line\n"))
	}
	if len(b.filling) != 0 {
		t.Error("asked for with a line from each loop")
	}
	b.take(nil)
	line := make([]byte, 1<<10)
	for range worthWriting >> 10 {
		b.add(0, line)
	}
	if len(b.filling) != 0 {
		t.Error("asked for too early")
	}
	b.add(0, line)
	if len(b.filling) != 1 {
		t.Error("not asked for")
	}
	<-b.filling
	b.take(nil)
	b.add(0, make([]byte, worthWriting+1))
	if len(b.filling) != 1 {
		t.Error("not asked for by a line that is worth it alone")
	}
}

func TestMemoryIsBoundedWhicheverLoopIsBusy(t *testing.T) {
	b := newBuffer()
	for i := range 3 {
		fill(b, i+1)
		b.add(i, make([]byte, 2*blockSize))
		b.take(nil)
		b.add(i, make([]byte, 2*blockSize))
		b.take(nil)
	}
	kept := 0
	for _, block := range b.blocks.free {
		kept += cap(block)
	}
	if kept != mostPending || b.blocks.lent != 0 {
		t.Errorf("got %d bytes kept and %d lent, want %d and none", kept, b.blocks.lent, mostPending)
	}
}
