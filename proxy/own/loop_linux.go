//go:build linux && (amd64 || arm64) && !portable

package own

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// loop is an event loop: one goroutine that waits for sockets and resumes the tasks that wait for them. Everything in it belongs to that
// goroutine, but for what post passes in.
//
// It waits in epoll without telling Go's scheduler, as long as there is work: a thread that the scheduler has parked costs more to wake than
// a request. Garbage collection interrupts the wait by a signal, and is let in.
type loop struct {
	number   int
	epoll    int
	wake     int // an eventfd
	socks    []*sock
	serial   uint32    // of the socket opened last
	time     instant   // when the turn began
	date     time.Time // the same by the clock on the wall
	wheel    *wheel
	current  *task
	free     []*task
	arena    []byte    // what outgoing is to send
	outgoing []*sock   // that have something pending
	ready    []*task   // to be resumed in the next turn
	workers  []*worker // that nobody uses
	plane    *Plane

	idleWorkers, idleTasks int // the fewest that were unused since the last sweep

	upstreams upstreams
	sweeping  timer
	clients   atomic.Int64

	mu       sync.Mutex
	posts    []func()
	sleeping bool // wake must be written to
	ended    bool
}

var _ carrier = (*loop)(nil)

func newLoop(number int, p *Plane) (*loop, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	wake, _, errno := syscall.Syscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		syscall.Close(epoll)
		return nil, fmt.Errorf("create eventfd: %w", errno)
	}
	l := &loop{number: number, epoll: epoll, wake: int(wake), plane: p}
	l.arena = make([]byte, 0, arenaRoom)
	l.tell()
	l.wheel = newWheel(l.time)
	l.sweeping.expire = l.sweep
	l.upstreams.filled = l.sweepSoon
	return l, l.register(l.wake, 0)
}

func (l *loop) now() instant     { return l.time }
func (l *loop) wall() time.Time  { return l.date }
func (l *loop) idle() *upstreams { return &l.upstreams }
func (l *loop) shard() int       { return l.number }

// edge is what a socket is registered for, once: EPOLLET of package syscall is negative.
const edge = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | 1<<31

func (l *loop) register(fd int, serial uint32) error {
	ev := syscall.EpollEvent{Events: edge, Fd: int32(fd), Pad: int32(serial)}
	return syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &ev)
}

// post has f run on the loop. It may be called from anywhere. It returns false when the loop has ended.
func (l *loop) post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.posts = append(l.posts, f)
	if l.sleeping {
		l.sleeping = false
		one := uint64(1)
		syscall.Write(l.wake, (*[8]byte)(unsafe.Pointer(&one))[:])
	}
	return true
}

// run turns until done, which a post sets.
func (l *loop) turns(done *bool) {
	events := make([]syscall.EpollEvent, 256)
	for idle := 0; !*done; {
		n := l.wait(events, idle)
		l.tell()
		if idle++; n > 0 {
			idle = 0
		}
		// All is noted before anybody is resumed: who takes an idle connection must know what has come on it.
		for i := range events[:n] {
			if s := l.told(&events[i]); s != nil {
				s.note(events[i].Events)
			}
		}
		for i := range events[:n] {
			if s := l.told(&events[i]); s != nil {
				s.act()
			}
		}
		l.turnOver()
	}
	l.end()
}

// tell reads the clock. All that happens in a turn happens at its beginning.
func (l *loop) tell() {
	l.date = time.Now()
	l.time = instant(l.date.Sub(began)) + 1
}

const (
	// nap bounds a wait that Go's scheduler does not know of. It is shorter than a tick: while there is work, deadlines need no bound of
	// their own.
	nap = 10 * time.Millisecond
	// naps is after how many of them without an event the loop is idle, and waits in a way that lets the process sleep.
	naps = 16
)

// wait waits for events.
func (l *loop) wait(events []syscall.EpollEvent, idle int) int {
	bound := nap
	if idle >= naps {
		bound = l.wheel.wait(l.time, time.Second)
	}
	if len(l.ready) > 0 || !l.sleep() {
		bound = 0
	}
	ms := int((bound + time.Millisecond - 1) / time.Millisecond)
	if idle >= naps && ms > 0 {
		n, _ := syscall.EpollWait(l.epoll, events, ms)
		return max(0, n)
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(ms), 0, 0)
	if errno != 0 {
		runtime.Gosched() // the signal asks for a safe point: the collector waits
		return 0
	}
	return int(n)
}

// sleep reports whether nothing has been posted. From then on whoever posts wakes the loop.
func (l *loop) sleep() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sleeping = len(l.posts) == 0
	return l.sleeping
}

// told returns the socket that an event is about; nil if it is closed by now. The eventfd is none: its counter is never read, and each write
// is another edge.
func (l *loop) told(ev *syscall.EpollEvent) *sock {
	if int(ev.Fd) == l.wake {
		return nil
	}
	if s := l.socks[ev.Fd]; s != nil && s.serial == uint32(ev.Pad) {
		return s
	}
	return nil
}

// turnOver does what is not about a socket: posts, tasks that have given way, deadlines.
func (l *loop) turnOver() {
	l.mu.Lock()
	posts := l.posts
	l.posts, l.sleeping = nil, false
	l.mu.Unlock()
	for _, f := range posts {
		f()
	}
	n := len(l.ready)
	for i := range n {
		l.run(l.ready[i])
	}
	l.ready = append(l.ready[:0], l.ready[n:]...)
	l.wheel.advance(l.time)
	l.flush()
}

// await runs f on a goroutine while the task is parked.
func (l *loop) await(f func()) {
	t := l.current
	var failed any
	go func() {
		defer l.post(func() { l.resume(t, nil) })
		defer func() { failed = recover() }()
		f()
	}()
	t.park(0)
	if failed != nil {
		panic(failed)
	}
}

// fork runs f as another task of the loop.
func (l *loop) fork(f func()) (join func()) {
	var over bool
	var joiner *task
	child := l.take()
	child.job = func() {
		f()
		if over = true; joiner != nil {
			l.resumeSoon(joiner, nil)
		}
	}
	l.ready = append(l.ready, child)
	return func() {
		for !over {
			joiner = l.current
			joiner.park(0)
		}
	}
}

// sweepEvery is how often idle connections to backends are looked at.
const sweepEvery = time.Second

// sweep lets go of what has not been needed for a while.
func (l *loop) sweep() {
	left := l.upstreams.sweep(l.time, nil)
	if l.trim() || left {
		l.sweepSoon()
	}
}

func (l *loop) sweepSoon() {
	if l.sweeping.due == 0 {
		l.wheel.set(&l.sweeping, l.time.in(sweepEvery))
	}
}

// trim gives up half of the workers and tasks that nobody has needed since the last time, and reports whether any are left.
func (l *loop) trim() (left bool) {
	rest := len(l.workers) - (l.idleWorkers+1)/2
	clear(l.workers[rest:])
	l.workers = l.workers[:rest]
	rest = len(l.free) - (l.idleTasks+1)/2
	for _, t := range l.free[rest:] {
		l.wheel.unlink(&t.timer)
		t.stop()
	}
	clear(l.free[rest:])
	l.free = l.free[:rest]
	l.idleWorkers, l.idleTasks = len(l.workers), len(l.free)
	return len(l.workers)+len(l.free) > 0
}

// end gives up what the loop holds. There are no clients any more.
func (l *loop) end() {
	l.mu.Lock()
	l.ended = true
	posts := l.posts
	l.mu.Unlock()
	for _, f := range posts {
		f()
	}
	l.upstreams.close()
	for _, t := range l.free {
		t.stop()
	}
	syscall.Close(l.wake)
	syscall.Close(l.epoll)
}
