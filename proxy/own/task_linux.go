//go:build linux && (amd64 || arm64) && !portable

package own

import "iter"

// turn is how many bytes a task moves before the others get theirs: one large body must not hold the loop.
const turn = 256 << 10

// task is a coroutine of a loop: code that runs until it has to wait, and goes on when the loop resumes it.
type task struct {
	loop   *loop
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	job    func()
	timer  timer // of the one wait
	why    error // why it was resumed; nil: what it waited for is there
	left   int   // bytes that it may move in this turn
	asleep bool  // in park, and nobody has resumed it yet
}

func (l *loop) newTask() *task {
	t := &task{loop: l}
	t.timer.expire = func() { l.resume(t, errLate) }
	t.next, t.stop = iter.Pull(iter.Seq[struct{}](t.life))
	return t
}

// life runs one job after the other. Between two of them the task is on the loop's free list.
func (t *task) life(yield func(struct{}) bool) {
	t.yield = yield
	for {
		t.job()
		t.job = nil
		t.loop.wheel.set(&t.timer, 0)
		t.loop.free = append(t.loop.free, t)
		if !yield(struct{}{}) {
			return
		}
	}
}

// start runs job on a task until it waits.
func (l *loop) start(job func()) {
	t := l.take()
	t.job = job
	l.run(t)
}

// take takes a task off the free list.
func (l *loop) take() *task {
	n := len(l.free)
	if n == 0 {
		return l.newTask()
	}
	t := l.free[n-1]
	l.free[n-1] = nil
	l.free = l.free[:n-1]
	l.idleTasks = min(l.idleTasks, n-1)
	return t
}

// run gives the loop's thread to t until it waits or has done its job.
func (l *loop) run(t *task) {
	l.current, t.left = t, turn
	t.next()
	l.current = nil
}

// resume ends t's wait. It does nothing if that has ended already.
func (l *loop) resume(t *task, why error) {
	if t.asleep {
		t.asleep, t.why = false, why
		l.run(t)
	}
}

// resumeSoon ends t's wait when the task that now runs has come to wait itself.
func (l *loop) resumeSoon(t *task, why error) {
	if t.asleep {
		t.asleep, t.why = false, why
		l.ready = append(l.ready, t)
	}
}

// park waits until the loop resumes the task, and returns why it did.
func (t *task) park(by instant) error {
	t.loop.wheel.set(&t.timer, by)
	t.asleep = true
	t.yield(struct{}{})
	t.timer.due = 0
	return t.why
}

// spend counts bytes that were moved, and lets others have their turn when they are many.
func (t *task) spend(n int) {
	if t.left -= n; t.left <= 0 {
		t.loop.ready = append(t.loop.ready, t)
		t.yield(struct{}{})
	}
}
