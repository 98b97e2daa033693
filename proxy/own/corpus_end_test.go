package own

import (
	"os"
	"testing"
)

func TestAGracefulEndServesWhatIsInFlight(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		f := raise(t, loops, b.address, nil)
		idle, silent, busy := f.dial(t), f.dial(t), f.dial(t)
		busy.send("%shel", post("/", 20<<10))
		bc := b.accept()
		bc.head()
		idle.send("%s", get("/"))
		other := b.accept()
		other.head()
		other.send("%s", ok("1"))
		idle.wants(200, "1")
		f.stop()
		idle.send("%s", get("/last"))
		other.head()
		other.send("%s", ok("2"))
		if r := idle.wants(200, "2"); !r.Close {
			t.Error("an idle connection is said to go on behind its last answer")
		}
		idle.ends()
		select {
		case <-f.served:
			t.Error("Serve has returned with a request in flight")
		default:
		}
		busy.send("%s", string(make([]byte, 20<<10-3)))
		bc.take(20 << 10)
		bc.send("%s", ok("3"))
		if r := busy.wants(200, "3"); !r.Close {
			t.Error("a connection is said to go on though its listener is closed")
		}
		busy.ends()
		if said, clean := silent.ends(); said != "" || !clean {
			t.Errorf("who has said nothing gets %q, clean end %t", said, clean)
		}
		<-f.served
	})
}

func TestACutEndsTunnelsAtOnce(t *testing.T) {
	both(t, func(t *testing.T, loops int) {
		b := backend(t)
		f := raise(t, loops, b.address, nil)
		c, bc := tunnel(t, f, b)
		f.stop()
		c.send("more")
		if got := bc.take(4); got != "more" {
			t.Errorf("a tunnel does not go on while its listener ends: %q", got)
		}
		f.cut()
		c.ends()
		bc.ends()
		<-f.served
	})
}

func TestAPlaneLeavesNoDescriptorBehind(t *testing.T) {
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		t.Skip(err)
	}
	both(t, func(t *testing.T, loops int) {
		before := 0
		for round := range 3 {
			t.Run("", func(t *testing.T) {
				b := backend(t)
				f := raise(t, loops, b.address, nil)
				tunnel(t, f, b)
				broken, c := f.dial(t), f.dial(t)
				broken.send("%shello", post("/", 1<<20))
				b.accept().head()
				c.send("%s", get("/"))
				bc := b.accept()
				bc.head()
				bc.send("%s", ok("hi"))
				c.wants(200, "hi")
			})
			now := descriptors(t)
			if round == 0 {
				before = now // what the runtime opens once is open now
			}
			if now > before {
				t.Errorf("%d descriptors are open, want %d", now, before)
			}
		}
	})
}

func descriptors(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
