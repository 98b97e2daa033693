package test

import (
	"slices"
	"testing"
)

// talk is what a Socket.IO client of test/apps reports: which processes answered it, in order, and the transport at the end.
type talk struct {
	PIDs      []int
	Transport string
	Error     string
}

// check reports what is wrong with a talk that should have stayed with one process.
func (k talk) check(t *testing.T, transport string) {
	t.Helper()
	if k.Error != "" || k.Transport != transport || len(k.PIDs) != 10 || len(slices.Compact(slices.Clone(k.PIDs))) != 1 {
		t.Errorf("got %+v, want ten answers of one process over %s", k, transport)
	}
}

// transports are what the clients may use, and what each must be using at the end.
var transports = map[string]string{"polling": "polling", "websocket": "websocket", "polling,websocket": "websocket"}

func TestSocketIOWorksWithPollingAndWebSocket(t *testing.T) {
	u := start(t, sticky(startApps(t, "socketio.js", "chat", 3)))
	for list, last := range transports {
		t.Run(list, func(t *testing.T) {
			var got struct{ Clients []talk }
			runClient(t, &got, "socketio-client.js", u.url, list, "30")
			if len(got.Clients) != 30 {
				t.Fatalf("%d clients reported", len(got.Clients))
			}
			processes := map[int]bool{}
			for _, k := range got.Clients {
				k.check(t, last)
				for _, pid := range k.PIDs {
					processes[pid] = true
				}
			}
			if len(processes) != 3 {
				t.Errorf("%d of 3 processes answered", len(processes))
			}
		})
	}
}

func TestSocketIOWorksInABrowser(t *testing.T) {
	need(t, "chromium")
	u := start(t, sticky(startApps(t, "socketio.js", "chat", 3)))
	var got struct {
		Runs []struct {
			talk
			Transports string
			Cookies    []string
		}
	}
	runClient(t, &got, "browser.js", u.url)
	if len(got.Runs) != len(transports) {
		t.Fatalf("got %d runs, want %d", len(got.Runs), len(transports))
	}
	for _, run := range got.Runs {
		run.check(t, transports[run.Transports])
		if !slices.Contains(run.Cookies, "usher_route") {
			t.Errorf("%s: the browser keeps no affinity cookie: %v", run.Transports, run.Cookies)
		}
	}
}
