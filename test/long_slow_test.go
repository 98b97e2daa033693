package test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// slowHead has limits that end slow clients while the test waits.
const slowHead = `listeners: {main: {address: "127.0.0.1:0", timeouts: {read_header: 5s}, limits: {min_rate: 1KiB/s}}}
admin: {listen: "127.0.0.1:0"}
logging: {format: json, access: {enabled: false}}
`

// TestSlowClientsDisturbNobodyAndAreEnded has slowhttptest(1) open connections and keep each one busy for as long as it is let.
func TestSlowClientsDisturbNobodyAndAreEnded(t *testing.T) {
	need(t, "slowhttptest")
	const probes = 2 // connections by which slowhttptest finds out whether anybody still answers
	for name, way := range map[string]struct {
		n     int
		path  string
		flags []string
		ended string // what only requests of theirs are counted as
	}{
		"heads":  {long(100, 2000), "/", []string{"-H", "-i", "1"}, `code="408"`},
		"bodies": {long(100, 2000), "/", []string{"-B", "-i", "1", "-s", "1000000"}, `code="408"`},
		// For each of these the kernel keeps megabytes, of which it has no more than net.ipv4.tcp_mem for all.
		"readers": {long(50, 150), "/large", []string{"-X", "-n", "10", "-z", "1", "-w", "512", "-y", "1024"}, `method="GET"`},
	} {
		t.Run(name, func(t *testing.T) {
			u := startHead(t, plainBinary(t), slowHead, fmt.Sprintf(`routes: [{pool: web, timeouts: {stream_idle: 4s}}]
pools: {web: {connect: {keepalive: 1s}, backends: [%q]}}
`, largeServer(t)))
			before := u.read(t)
			others := beat(t, u.url, 50)
			eventually(t, "others are served", func() bool { return u.requests(t) > 50 })
			alone := others.lap()
			flags := append(way.flags, "-u", u.url+way.path, "-c", strconv.Itoa(way.n), "-r", strconv.Itoa(way.n/2), "-l", "600")
			slow := spawn(t, t.TempDir(), nil, "slowhttptest", flags...)
			most := awaitEnds(t, u, way.ended, way.n)
			t.Logf("%d connections and %d files open at most, %d MiB", most.connections, most.files, most.rss>>10)
			t.Logf("other requests before: %v; meanwhile: %v", alone, others.lap())
			others.stop()
			eventually(t, "the slow clients are rid of", func() bool {
				return u.read(t).connections <= before.connections+probes
			})
			slow.kill()
			eventually(t, "usher holds what it held before", func() bool {
				after := u.read(t)
				return after.connections == before.connections && after.files <= before.files
			})
		})
	}
}

// awaitEnds waits until usher has ended n exchanges that are counted with this label, but for the few connections that slowhttptest gives up by
// itself where the machine is busy, and returns the most that it had open on the way.
func awaitEnds(t *testing.T, u *usher, label string, n int) (most reading) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("%v; accepted %v, answered %v", u.read(t), u.metric(t, "usher_listener_connections_accepted_total"), u.metric(t, "usher_http_requests_total"))
		}
	}()
	eventually(t, "usher has ended the slow clients", func() bool {
		now := u.read(t)
		most.connections, most.files, most.rss = max(most.connections, now.connections), max(most.files, now.files), max(most.rss, now.rss)
		ended := 0.0
		for labels, v := range u.metric(t, "usher_http_requests_total") {
			if strings.Contains(labels, label) {
				ended += v
			}
		}
		return ended >= float64(n)*0.95
	})
	return most
}

// largeServer runs a backend that answers a POST with its body, and anything else with more than connections have room for.
func largeServer(t *testing.T) string {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			io.Copy(w, r.Body)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(16<<20))
		io.Copy(w, play(16<<20))
	}))
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.(*net.TCPConn).SetWriteBuffer(16 << 10)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}
