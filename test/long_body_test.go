package test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestBodiesOfAnyLengthPassInConstantMemory(t *testing.T) {
	const growth = 32 << 10 // KiB
	size := int64(long(256, 10<<10)) << 20
	for _, kind := range []string{"length", "chunked"} {
		t.Run(kind, func(t *testing.T) {
			u := startBinary(t, plainBinary(t), fmt.Sprintf("routes: [{pool: web}]\npools: {web: {backends: [%q]}}\n", tapeServer(t)))
			others := beat(t, u.url, 100)
			carried(t, u, kind, 64<<20)
			eventually(t, "others are served", func() bool { return u.requests(t) > 200 })
			before, alone := u.read(t), others.lap()
			began := time.Now()
			most := carried(t, u, kind, size)
			took, beside := time.Since(began), others.lap()
			t.Logf("%d MiB down and as many up in %v; resident %d MiB before, %d MiB at most", size>>20, took.Round(time.Millisecond), before.rss>>10, most>>10)
			t.Logf("other requests before: %v; meanwhile: %v", alone, beside)
			if most > before.rss+growth {
				t.Errorf("usher has grown from %d KiB to %d KiB", before.rss, most)
			}
			if len(beside) == 0 {
				t.Error("no other request was answered meanwhile")
			}
		})
	}
}

// requests returns how many requests usher has answered.
func (u *usher) requests(t *testing.T) float64 {
	t.Helper()
	return total(u.metric(t, "usher_http_requests_total"))
}

// carried has a body of n bytes go down and another up at the same time, and returns the most memory that usher had meanwhile, in KiB.
func carried(t *testing.T, u *usher, kind string, n int64) (most int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	over := make(chan struct{})
	go func() {
		defer close(over)
		together(2, func(i int) {
			if err := []func(*http.Client, string, string, int64) error{download, upload}[i](client, u.url, kind, n); err != nil {
				t.Error(err)
			}
		})
	}()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		most = max(most, u.read(t).rss)
		select {
		case <-over:
			return most
		case <-look.C:
		}
	}
}

func download(client *http.Client, url, kind string, n int64) error {
	resp, err := client.Get(fmt.Sprintf("%s/%s/%d", url, kind, n))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := compare(resp.Body)
	if (resp.ContentLength >= 0) != (kind == "length") {
		err = fmt.Errorf("the content length is %d", resp.ContentLength)
	}
	if err != nil || got != n {
		return fmt.Errorf("down: %s, %d of %d bytes, %v", resp.Status, got, n, err)
	}
	return nil
}

func upload(client *http.Client, url, kind string, n int64) error {
	req, err := http.NewRequest(http.MethodPut, fmt.Sprintf("%s/%s/%d", url, kind, n), play(n))
	if err != nil {
		return err
	}
	if req.ContentLength = -1; kind == "length" {
		req.ContentLength = n
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if said, err := io.ReadAll(resp.Body); err != nil || string(said) != "whole" {
		return fmt.Errorf("up: %s %q %v", resp.Status, said, err)
	}
	return nil
}

// tapeServer runs a backend that serves tapes. It returns the address.
func tapeServer(t *testing.T) string { return serve(t, tapes().ServeHTTP) }

// tapes plays the tape for a GET of /KIND/BYTES, compares what is PUT there with it, and answers a POST with its body.
func tapes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{kind}/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.ParseInt(r.PathValue("bytes"), 10, 64)
		if r.PathValue("kind") == "length" {
			w.Header().Set("Content-Length", r.PathValue("bytes"))
		}
		io.CopyBuffer(struct{ io.Writer }{w}, play(n), make([]byte, 256<<10))
	})
	mux.HandleFunc("PUT /{kind}/{bytes}", func(w http.ResponseWriter, r *http.Request) {
		got, err := compare(r.Body)
		if want := r.PathValue("bytes"); err == nil && strconv.FormatInt(got, 10) == want && (r.ContentLength == got) == (r.PathValue("kind") == "length") {
			io.WriteString(w, "whole")
			return
		}
		fmt.Fprintf(w, "%d bytes, content length %d, %v", got, r.ContentLength, err)
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	return mux
}
