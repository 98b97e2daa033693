package accesslog

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"usher/affinity"
	"usher/proxy"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)

// exchange is one that a backend answered.
func exchange() *proxy.Exchange {
	x := &proxy.Exchange{
		Listener: "main", Route: "shop", Pool: "web", Backend: "web-1", Attempts: 2,
		ClientIP: netip.MustParseAddr("192.0.2.7"), RequestID: "abc", Received: "/cart",
		HasAffinity: true, Bound: affinity.Valid, Change: affinity.Moved,
		RequestBytes: 12, ResponseBytes: 345,
		Start: epoch.Add(-30 * time.Millisecond), FirstByte: epoch.Add(-5 * time.Millisecond), End: epoch, BackendWait: 20125 * time.Microsecond,
	}
	r := &x.Request
	r.Method, r.Host, r.Proto, r.TLS, r.Target = "POST", "shop.example", "HTTP/1.1", true, "/cart?token=hunter2"
	r.Peer = netip.MustParseAddrPort("10.0.0.1:4444")
	r.Header.Add("Cookie", "connect.sid=hunter2")
	r.Header.Add("Authorization", "Bearer hunter2")
	x.Response.Status = 200
	x.Response.Header.Add("Set-Cookie", "usher_route=hunter2")
	return x
}

func TestALineSaysWhatIsKnown(t *testing.T) {
	const want = `{"time":"2026-01-02T03:04:05.678Z","listener":"main","route":"shop","pool":"web","backend":"web-1","attempts":2,"client_ip":"192.0.2.7",` +
		`"method":"POST","host":"shop.example","path":"/cart","proto":"HTTP/1.1","tls":true,"request_id":"abc",` +
		`"status":200,"request_bytes":12,"response_bytes":345,"duration_ms":30.000,"overhead_ms":4.875,"backend_ms":20.125,` +
		`"affinity_in":"valid","affinity_out":"moved","moved":true}` + "\n"
	if got := string(appendLine(nil, exchange())); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestALineLeavesOutWhatIsNotKnown(t *testing.T) {
	x := &proxy.Exchange{Listener: "main", Received: "/", Start: epoch, End: epoch, Err: errors.New("malformed request")}
	x.Request.Peer, x.Response.Status = netip.MustParseAddrPort("[fe80::1%eth0]:4444"), 400
	const want = `{"time":"2026-01-02T03:04:05.678Z","listener":"main","attempts":0,"client_ip":"fe80::1","method":"","host":"","path":"/","proto":"","tls":false,` +
		`"status":400,"request_bytes":0,"response_bytes":0,"duration_ms":0.000,"error":"malformed request"}` + "\n"
	if got := string(appendLine(nil, x)); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	if got := string(appendLine(nil, exchange())); strings.Contains(got, "hunter2") {
		t.Errorf("got %s", got)
	}
}

func TestAZoneCannotBreakTheLine(t *testing.T) {
	x := exchange()
	x.ClientIP = netip.MustParseAddr("fe80::1").WithZone("\",\n")
	if got := appendLine(nil, x); !json.Valid(got) || bytes.Count(got, newline) != 1 {
		t.Errorf("got %s", got)
	}
}

func TestTimesBeforeZeroAreZero(t *testing.T) {
	x := exchange()
	x.End = x.Start.Add(-time.Second)
	if got := string(appendLine(nil, x)); !strings.Contains(got, `"duration_ms":0.000,`) {
		t.Errorf("got %s", got)
	}
}

func TestALineAllocatesNothing(t *testing.T) {
	x, buf := exchange(), make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(1000, func() { buf = appendLine(buf[:0], x) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("GET", "shop.example", "/cart", "abc", "timed out\nread: reset", int64(1500), 200)
	f.Add("G\"T\\", "\x00\x1b[2J\x7f", "/\u2028\u2029\u0085\u009b\xff\xc3\xed\xa0\x80", "😀\ufffd", "\r\n\t", int64(-5), -1)
	f.Fuzz(func(t *testing.T, method, host, path, id, fault string, us int64, status int) {
		x := exchange()
		x.Request.Method, x.Request.Host, x.Received, x.RequestID, x.Err = method, host, path, id, errors.New(fault)
		x.Response.Status, x.End = status, x.Start.Add(time.Duration(us)*time.Microsecond)
		text := appendLine(nil, x)
		if !utf8.Valid(text) || bytes.IndexFunc(text, breaks) != len(text)-1 {
			t.Fatalf("not one line of clean text: %q", text)
		}
		var got struct {
			Method, Host, Path, Error string
			RequestID                 string  `json:"request_id"`
			Duration                  float64 `json:"duration_ms"`
			Status                    int
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%v: %q", err, text)
		}
		for _, pair := range [][2]string{{got.Method, method}, {got.Host, host}, {got.Path, path}, {got.RequestID, id}, {got.Error, fault}} {
			if pair[0] != string([]rune(pair[1])) {
				t.Errorf("got %q, want %q", pair[0], pair[1])
			}
		}
		if want := max(0, float64(x.End.Sub(x.Start).Microseconds())/1000); got.Duration != want || got.Status != status {
			t.Errorf("got %v ms and status %d, want %v and %d", got.Duration, got.Status, want, status)
		}
	})
}

// breaks reports whether r could end a line or drive a terminal.
func breaks(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 || r == '\u2028' || r == '\u2029' }
