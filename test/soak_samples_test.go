package test

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// String is a reading for people.
func (r reading) String() string {
	return fmt.Sprintf("resident %d KiB, heap %d KiB, %d files, %d goroutines, %d connections", r.rss, r.heap, r.files, r.goroutines, r.connections)
}

// readings are what usher said of itself at even intervals.
type readings []reading

// watch reads usher's metrics for a length of time, into a file as well, and has it reload every few seconds.
func watch(t *testing.T, u *usher, length time.Duration, reload func(i int)) (all readings) {
	t.Helper()
	dir := t.TempDir()
	if os.Getenv("USHER_SOAK") != "" {
		dir = "" // to be looked at afterwards
	}
	csv, err := os.CreateTemp(dir, "usher-soak-*.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer csv.Close()
	t.Logf("samples: %s", csv.Name())
	fmt.Fprintln(csv, "seconds,resident_kib,heap_kib,files,goroutines,connections,cpu_seconds")
	began := time.Now()
	look, again, over := time.NewTicker(min(10*time.Second, length/20)), time.NewTicker(min(3*time.Second, length/4)), time.After(length)
	defer look.Stop()
	defer again.Stop()
	for i := 1; ; {
		select {
		case <-look.C:
			r := u.read(t)
			all = append(all, r)
			fmt.Fprintf(csv, "%.0f,%d,%d,%d,%d,%d,%.2f\n", time.Since(began).Seconds(), r.rss, r.heap, r.files, r.goroutines, r.connections, r.cpu.Seconds())
		case <-again.C:
			reload(i)
			i++
		case <-over:
			return all
		}
	}
}

// span is the least and the most of a figure.
type span struct{ least, most int }

func (s span) String() string { return fmt.Sprintf("%d to %d", s.least, s.most) }

func (all readings) span(of func(reading) int) span {
	s := span{of(all[0]), of(all[0])}
	for _, r := range all {
		s.least, s.most = min(s.least, of(r)), max(s.most, of(r))
	}
	return s
}

func resident(r reading) int    { return r.rss }
func heap(r reading) int        { return r.heap }
func files(r reading) int       { return r.files }
func goroutines(r reading) int  { return r.goroutines }
func connections(r reading) int { return r.connections }

// early and late leave out the beginning, when caches fill.
func (all readings) early() readings { return all[len(all)/8 : len(all)/8+len(all)/4] }
func (all readings) late() readings  { return all[len(all)-len(all)/4:] }

// report tells what the figures were, early and late.
func (all readings) report(t *testing.T) {
	t.Helper()
	for _, figure := range []struct {
		name string
		of   func(reading) int
	}{{"resident KiB", resident}, {"heap KiB", heap}, {"files", files}, {"goroutines", goroutines}, {"connections", connections}} {
		t.Logf("%-13s early %v, late %v", figure.name, all.early().span(figure.of), all.late().span(figure.of))
	}
	t.Logf("processor time: %v", all[len(all)-1].cpu)
}

// What may differ, in KiB, between one quarter of the time and another, and between the start and the end.
const (
	heapSpare     = 2 << 10  // of what is alive, which is about the least that the heap had
	residentSpare = 8 << 10  // of the most memory under load
	endHeapSpare  = 8 << 10  // of the heap at the end: buffers that the next load will use
	endSpare      = 24 << 10 // of memory at the end: what the load needed goes back to the kernel late
)

// steady checks that memory does not grow under load.
func (all readings) steady(t *testing.T) {
	t.Helper()
	if early, late := all.early().span(heap), all.late().span(heap); late.least > early.least+heapSpare {
		t.Errorf("what is alive has grown from %d KiB to %d KiB", early.least, late.least)
	}
	if early, late := all.early().span(resident), all.late().span(resident); late.most > early.most+residentSpare {
		t.Errorf("resident memory has grown from %d KiB to %d KiB", early.most, late.most)
	}
}

// settles waits until usher's memory is about what it was before the load.
func settles(t *testing.T, u *usher, cold reading) {
	t.Helper()
	var now reading
	eventually(t, "memory is given back", func() bool {
		now = u.read(t)
		return now.rss <= cold.rss+endSpare && now.heap <= cold.heap+endHeapSpare
	})
	t.Logf("memory in the end: %v", now)
}
