package own

import "time"

const (
	// tick is how coarse deadlines are.
	tick = instant(20 * time.Millisecond)
	// slots are as many ticks as the wheel goes round in: 10 s. What is due later stays for another round.
	slots = 512
)

// timer is a deadline in a wheel. It is part of what it ends.
type timer struct {
	next, prev *timer  // its slot's list; nil when it is in none
	at         instant // by which its slot was chosen
	due        instant // 0: never
	expire     func()
}

// wheel keeps timers. Moving a deadline later, and calling one off, is a store: the timer is looked at when its old slot comes round.
type wheel struct {
	slot [slots]timer // heads of the lists
	done instant      // number of the next tick to look at
	n    int          // timers in lists
}

func newWheel(now instant) *wheel {
	w := &wheel{done: now / tick}
	for i := range w.slot {
		w.slot[i].next, w.slot[i].prev = &w.slot[i], &w.slot[i]
	}
	return w
}

// set makes t due at that instant; 0 calls it off.
func (w *wheel) set(t *timer, due instant) {
	t.due = due
	if due == 0 || t.next != nil && due >= t.at {
		return
	}
	w.unlink(t)
	w.link(t)
}

func (w *wheel) link(t *timer) {
	t.at = max(t.due, w.done*tick)
	head := &w.slot[t.at/tick%slots]
	t.next, t.prev = head, head.prev
	head.prev.next, head.prev = t, t
	w.n++
}

// unlink takes t out, before what it is part of is given up.
func (w *wheel) unlink(t *timer) {
	if t.next == nil {
		return
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
	w.n--
}

// advance expires what is due by now.
func (w *wheel) advance(now instant) {
	last := now/tick - 1 // a tick is looked at once it is over
	if last-w.done >= slots {
		w.done = last - slots + 1
	}
	for w.done <= last {
		head := &w.slot[w.done%slots]
		w.done++ // what is set from now on, though it be overdue, goes to the next slot
		if head.next != head {
			w.visit(head, now)
		}
	}
}

func (w *wheel) visit(head *timer, now instant) {
	var rest timer // a list of its own: what expires may set and unlink others
	rest.next, rest.prev = head.next, head.prev
	rest.next.prev, rest.prev.next = &rest, &rest
	head.next, head.prev = head, head
	for rest.next != &rest {
		t := rest.next
		due := t.due
		w.unlink(t)
		switch {
		case due == 0:
		case due > now:
			w.link(t)
		default:
			t.due = 0
			t.expire()
		}
	}
}

// wait is how long nothing can expire, at most bound.
func (w *wheel) wait(now instant, bound time.Duration) time.Duration {
	if w.n == 0 {
		return bound
	}
	for i := w.done; i < w.done+slots; i++ {
		if head := &w.slot[i%slots]; head.next != head {
			return min(bound, max(0, time.Duration((i+1)*tick-now)))
		}
	}
	return bound
}
